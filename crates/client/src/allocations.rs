//! Asking before something is spent, as typed calls. A request that names no tenant is about the client's.

use tollgate_wire::api::{
    AllocateRequest, AllocationList, AllocationView, CheckResponse, ExtendRequest, ReleaseRequest,
    RouteRequest, RouteResponse,
};

use crate::address::{Address, Read, escaped};
use crate::client::Client;
use crate::error::ClientError;

/// Which allocations to return. Absent fields do not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllocationSearch {
    /// Only those of this context.
    pub context: Option<String>,
    /// Only those of this task.
    pub task: Option<String>,
    /// Only those of this model.
    pub model: Option<String>,
    /// Only those that this policy was asked about.
    pub policy: Option<String>,
    /// Only those with these labels, such as `team=search,user=ada`.
    pub labels: Option<String>,
    /// `all`, `open`, `refused`, `released` or `expired`.
    pub state: Option<String>,
    /// Only those decided before this record: the `next` of the previous page.
    pub before: Option<u64>,
    /// The most allocations to return, up to 1000.
    pub limit: Option<usize>,
}

impl Client {
    /// Whether something may be spent, with the figures of every policy that it falls under. Nothing is reserved.
    ///
    /// # Errors
    ///
    /// [`ClientError`], as for all calls. A refusal is an answer, not an error.
    pub async fn check(&self, request: &AllocateRequest) -> Result<CheckResponse, ClientError> {
        self.post("/v1/check", &self.owned(request)).await
    }

    /// The cheapest model that may be used, and what else was looked at. Nothing is reserved.
    pub async fn route(&self, request: &RouteRequest) -> Result<RouteResponse, ClientError> {
        let request = RouteRequest { request: self.owned(&request.request), ..request.clone() };
        self.post("/v1/route", &request).await
    }

    /// Reserves what is going to be spent: under all policies, or not at all. The decision is durable on return,
    /// whichever it is. Name the allocation: after an error that may be retried, the same request under the same name
    /// gets the first answer.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; `conflict` if the name was used for something else. A refusal is an answer, not an error: its
    /// `state` is `refused`.
    pub async fn allocate(&self, request: &AllocateRequest) -> Result<AllocationView, ClientError> {
        self.post("/v1/allocations", &self.owned(request)).await
    }

    /// One allocation, what was used of it, and what it was decided with.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; `allocation_unknown` if there is none of this name.
    pub async fn allocation(&self, allocation: &str, read: &Read) -> Result<AllocationView, ClientError> {
        let address = Address::new(&format!("/v1/allocations/{}", escaped(allocation)));
        self.get(&address.with("tenant", self.tenant()).read(read).text).await
    }

    /// A page of the allocations of the client's tenant, the latest first, refusals included.
    pub async fn allocations(
        &self,
        wanted: &AllocationSearch,
        read: &Read,
    ) -> Result<AllocationList, ClientError> {
        let address = Address::new("/v1/allocations")
            .with("tenant", self.tenant())
            .with("context", wanted.context.as_ref())
            .with("task", wanted.task.as_ref())
            .with("model", wanted.model.as_ref())
            .with("policy", wanted.policy.as_ref())
            .with("labels", wanted.labels.as_ref())
            .with("state", wanted.state.as_ref())
            .with("before", wanted.before)
            .with("limit", wanted.limit);
        self.get(&address.read(read).text).await
    }

    /// Makes an allocation larger, or lets it last longer.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; `over_budget` if a policy does not allow it, `allocation_not_open` or `allocation_expired` if
    /// it is over.
    pub async fn extend_allocation(
        &self,
        allocation: &str,
        request: &ExtendRequest,
    ) -> Result<AllocationView, ClientError> {
        let request = ExtendRequest { tenant: self.owner(request.tenant.as_ref()), ..request.clone() };
        self.post(&format!("/v1/allocations/{}/extend", escaped(allocation)), &request).await
    }

    /// Sets free what an allocation has left. What was used of it stays used.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; `allocation_not_open` if it was refused, or was never made.
    pub async fn release_allocation(
        &self,
        allocation: &str,
        request: &ReleaseRequest,
    ) -> Result<AllocationView, ClientError> {
        let request = ReleaseRequest { tenant: self.owner(request.tenant.as_ref()), ..request.clone() };
        self.post(&format!("/v1/allocations/{}/release", escaped(allocation)), &request).await
    }

    fn owned(&self, request: &AllocateRequest) -> AllocateRequest {
        AllocateRequest { tenant: self.owner(request.tenant.as_ref()), ..request.clone() }
    }
}
