//! Budgets and policies as typed calls. A request that names no tenant is about the client's.

use tollgate_wire::api::{
    BudgetList, BudgetRequest, BudgetView, DefaultsRequest, PolicyList, PolicyRequest, PolicyView, PoolView,
    RaiseRequest, WithdrawRequest,
};

use crate::address::{Address, Read, escaped};
use crate::client::Client;
use crate::error::ClientError;

/// Which policies to return. Absent fields do not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicySearch {
    /// Only those of this budget.
    pub budget: Option<String>,
    /// Only those after this one: the `next` of the previous page.
    pub after: Option<String>,
    /// The most policies to return, up to 1000.
    pub limit: Option<usize>,
    /// In the window of this moment (RFC 3339), which may be over; if absent, in the one of now.
    pub at: Option<String>,
}

impl Client {
    /// Makes or changes a budget. It is durable on return.
    ///
    /// # Errors
    ///
    /// [`ClientError`], as for all calls.
    pub async fn set_budget(&self, budget: &str, request: &BudgetRequest) -> Result<BudgetView, ClientError> {
        let request = BudgetRequest { tenant: self.owner(request.tenant.as_ref()), ..request.clone() };
        self.post(&format!("/v1/budgets/{}", escaped(budget)), &request).await
    }

    /// One budget, with the names of its policies.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; `budget_unknown` if there is none of this name.
    pub async fn budget(&self, budget: &str, read: &Read) -> Result<BudgetView, ClientError> {
        let address = Address::new(&format!("/v1/budgets/{}", escaped(budget)));
        self.get(&address.with("tenant", self.tenant()).read(read).text).await
    }

    /// All budgets of the client's tenant, ordered by name.
    pub async fn budgets(&self, read: &Read) -> Result<BudgetList, ClientError> {
        self.get(&Address::new("/v1/budgets").with("tenant", self.tenant()).read(read).text).await
    }

    /// What is in the pool of unused budget that the tenant's tasks share, and what was moved.
    ///
    /// # Errors
    ///
    /// [`ClientError`], as for all calls.
    pub async fn pool(&self, read: &Read) -> Result<PoolView, ClientError> {
        self.get(&Address::new("/v1/pool").with("tenant", self.tenant()).read(read).text).await
    }

    /// Makes the budget and the policies that ship, all of which only warn. Those that exist stay as they are.
    pub async fn set_default_policies(&self, request: &DefaultsRequest) -> Result<BudgetView, ClientError> {
        let request = DefaultsRequest { tenant: self.owner(request.tenant.as_ref()), ..request.clone() };
        self.post("/v1/budgets/default-policies", &request).await
    }

    /// Makes a policy, or its next version. It is durable on return.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; `invalid_policy`, `unknown_budget` or `version_mismatch` if a rule refused it.
    pub async fn set_policy(&self, policy: &str, request: &PolicyRequest) -> Result<PolicyView, ClientError> {
        let request = PolicyRequest { tenant: self.owner(request.tenant.as_ref()), ..request.clone() };
        self.post(&format!("/v1/policies/{}", escaped(policy)), &request).await
    }

    /// One policy in all its versions, and how it stands.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; `policy_unknown` if there is none of this name.
    pub async fn policy(&self, policy: &str, read: &Read) -> Result<PolicyView, ClientError> {
        self.policy_at(policy, None, read).await
    }

    /// The same, and how it stands in the window of a moment (RFC 3339), which may be over.
    ///
    /// # Errors
    ///
    /// [`ClientError`], as for [`policy`](Self::policy).
    pub async fn policy_at(
        &self,
        policy: &str,
        at: Option<&str>,
        read: &Read,
    ) -> Result<PolicyView, ClientError> {
        let address = Address::new(&format!("/v1/policies/{}", escaped(policy)));
        self.get(&address.with("tenant", self.tenant()).with("at", at).read(read).text).await
    }

    /// A page of the policies of the client's tenant, ordered by name, each with how it stands.
    pub async fn policies(&self, wanted: &PolicySearch, read: &Read) -> Result<PolicyList, ClientError> {
        let address = Address::new("/v1/policies")
            .with("tenant", self.tenant())
            .with("budget", wanted.budget.as_ref())
            .with("after", wanted.after.as_ref())
            .with("limit", wanted.limit)
            .with("at", wanted.at.as_ref());
        self.get(&address.read(read).text).await
    }

    /// Raises the limit of a policy for a time.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; `unknown_policy` or `invalid_raise` if a rule refused it.
    pub async fn raise_limit(&self, policy: &str, request: &RaiseRequest) -> Result<PolicyView, ClientError> {
        let request = RaiseRequest { tenant: self.owner(request.tenant.as_ref()), ..request.clone() };
        self.post(&format!("/v1/policies/{}/raise", escaped(policy)), &request).await
    }

    /// Withdraws a raise from now on.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; `unknown_policy`, `unknown_raise` or `invalid_raise` if a rule refused it.
    pub async fn withdraw_raise(
        &self,
        policy: &str,
        request: &WithdrawRequest,
    ) -> Result<PolicyView, ClientError> {
        let request = WithdrawRequest { tenant: self.owner(request.tenant.as_ref()), ..request.clone() };
        self.post(&format!("/v1/policies/{}/withdraw", escaped(policy)), &request).await
    }
}
