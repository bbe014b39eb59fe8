//! What the bodies of requests name: a key has to cover it. A type of body without a rule here does not compile.

use tollgate_wire::api::{
    AcknowledgeRequest, AllocateRequest, AppendRequest, BillRequest, BudgetRequest, DefaultsRequest,
    ExtendRequest, FindRequest, GateRequest, KeyRequest, KeyRevokeRequest, KeyRotateRequest, PolicyRequest,
    PriceDecisionRequest, PriceSetRequest, PriceUpdateRequest, QuarantineEndRequest, RaiseRequest,
    ReleaseRequest, RepriceRequest, ResendRequest, RouteRequest, WithdrawRequest,
};

use super::Grant;
use crate::problem::Answer;

/// The body of a request, which may name tenants, producers and components.
pub(crate) trait Named {
    /// Checks what it names.
    ///
    /// # Errors
    ///
    /// The problem: which name the key does not cover.
    fn check(&self, grant: &Grant) -> Answer<()>;
}

/// Bodies that are about data of the tenant that they name.
macro_rules! of_a_tenant {
    ($($request:ty),+) => {
        $(impl Named for $request {
            fn check(&self, grant: &Grant) -> Answer<()> {
                grant.tenant(self.tenant.as_deref())
            }
        })+
    };
}

/// Bodies that name nobody, or whose names are looked at where they are used.
macro_rules! of_nobody {
    ($($request:ty),+) => {
        $(impl Named for $request {
            fn check(&self, _grant: &Grant) -> Answer<()> {
                Ok(())
            }
        })+
    };
}

of_a_tenant!(
    BillRequest,
    BudgetRequest,
    DefaultsRequest,
    ExtendRequest,
    PolicyRequest,
    RaiseRequest,
    ReleaseRequest,
    WithdrawRequest
);

of_nobody!(
    AcknowledgeRequest,
    KeyRequest,
    KeyRevokeRequest,
    KeyRotateRequest,
    PriceDecisionRequest,
    PriceSetRequest,
    PriceUpdateRequest,
    QuarantineEndRequest,
    RepriceRequest,
    ResendRequest
);

/// Its events and questions are looked at one by one: each may name a tenant of its own.
impl Named for AppendRequest {
    fn check(&self, _grant: &Grant) -> Answer<()> {
        Ok(())
    }
}

/// The query may name the producer, too: it is looked at with that.
impl Named for GateRequest {
    fn check(&self, _grant: &Grant) -> Answer<()> {
        Ok(())
    }
}

impl Named for FindRequest {
    fn check(&self, grant: &Grant) -> Answer<()> {
        grant.tenant(self.tenant.as_deref())?;
        grant.producer(Some(&self.producer))
    }
}

impl Named for AllocateRequest {
    fn check(&self, grant: &Grant) -> Answer<()> {
        grant.tenant(self.tenant.as_deref())?;
        grant.component(self.component.as_deref())
    }
}

impl Named for RouteRequest {
    fn check(&self, grant: &Grant) -> Answer<()> {
        self.request.check(grant)
    }
}
