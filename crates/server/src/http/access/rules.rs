//! Which scope each address needs, and whose data it is about. An address that is not here is open to nobody once the
//! ledger has a key.

use axum::http::Method;
use tollgate_domain::key::KeyScope;

/// The rule of one method of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// The method.
    pub(crate) method: &'static str,
    /// The address, as the router has it.
    pub(crate) path: &'static str,
    /// Who may use it.
    pub(crate) may: May,
    /// Whose data it is about.
    pub(crate) about: About,
}

/// Who may use an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum May {
    /// Everybody, without a key.
    Anybody,
    /// Every key.
    AnyKey,
    /// Keys with this scope.
    Key(KeyScope),
}

/// Whose data an address is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// No tenant's.
    Nobody,
    /// That of the tenant in the query, or of `default`.
    Tenant,
    /// That of the tenant in the query, or of all.
    TenantOrAll,
    /// That of whoever the body names.
    Body,
    /// That of the whole ledger.
    Ledger,
}

/// Why there is no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The address has rules, but not for this method.
    Method,
    /// The address has none.
    Path,
}

/// The rule of an address.
pub(crate) fn rule_of(method: &Method, path: &str) -> Result<&'static Rule, Missing> {
    let mut missing = Missing::Path;
    for rule in RULES.iter().filter(|rule| rule.path == path) {
        if rule.method == method.as_str() {
            return Ok(rule);
        }
        missing = Missing::Method;
    }
    Err(missing)
}

macro_rules! rules {
    ($($method:ident $path:literal $may:ident $about:ident;)+) => {
        /// All rules.
        pub(crate) const RULES: &[Rule] = &[$(
            Rule { method: stringify!($method), path: $path, may: rules!(@may $may), about: About::$about },
        )+];
    };
    (@may Anybody) => { May::Anybody };
    (@may AnyKey) => { May::AnyKey };
    (@may $scope:ident) => { May::Key(KeyScope::$scope) };
}

rules! {
    GET "/v1/health" Anybody Nobody;
    GET "/v1/ready" Anybody Nobody;
    GET "/v1/position" AnyKey Nobody;
    GET "/v1/openapi.json" AnyKey Nobody;
    POST "/mcp" AnyKey Nobody;

    POST "/v1/events" Append Body;
    POST "/v1/events/find" Append Body;
    POST "/v1/tasks" Append Body;
    POST "/v1/tasks/{task}/close" Append Body;
    POST "/v1/tasks/{task}/phases" Append Body;
    POST "/v1/tasks/{task}/phases/{phase}/end" Append Body;
    POST "/v1/tasks/{task}/phases/{phase}/explanation" Append Body;

    POST "/v1/tasks/{task}/gate" Decide Tenant;
    POST "/v1/check" Decide Body;
    POST "/v1/route" Decide Body;
    POST "/v1/allocations" Decide Body;
    POST "/v1/allocations/{allocation}/extend" Decide Body;
    POST "/v1/allocations/{allocation}/release" Decide Body;

    GET "/v1/tasks" Read Tenant;
    GET "/v1/tasks/{task}" Read Tenant;
    GET "/v1/limits" Read Nobody;
    GET "/v1/prices" Read Nobody;
    GET "/v1/prices/quote" Read Nobody;
    GET "/v1/prices/history" Read Nobody;
    GET "/v1/prices/sources" Read Nobody;
    GET "/v1/budgets" Read Tenant;
    GET "/v1/budgets/{budget}" Read Tenant;
    GET "/v1/policies" Read Tenant;
    GET "/v1/policies/{policy}" Read Tenant;
    GET "/v1/pool" Read Tenant;
    GET "/v1/allocations" Read Tenant;
    GET "/v1/allocations/{allocation}" Read Tenant;
    GET "/v1/usage" Read Tenant;
    GET "/v1/usage/summary" Read Tenant;
    GET "/v1/alerts" Read TenantOrAll;
    GET "/v1/alerts/changes" Read Ledger;
    GET "/v1/alerts/stream" Read Ledger;
    GET "/v1/alerts/deliveries" Read Ledger;
    GET "/v1/alerts/{id}" Read Ledger;
    GET "/v1/quarantine" Read TenantOrAll;
    GET "/v1/quarantine/{id}" Read Ledger;
    GET "/v1/log" Read TenantOrAll;
    GET "/v1/health/budgets" Read TenantOrAll;
    GET "/v1/breaker" Read Nobody;
    GET "/v1/config" Read Nobody;
    GET "/metrics" Read Ledger;

    GET "/v1/tasks/{task}/report" ReadReports Tenant;
    GET "/v1/tasks/{task}/explain" ReadReports Tenant;
    GET "/v1/report" ReadReports TenantOrAll;
    GET "/v1/report/accesses" ReadReports TenantOrAll;
    GET "/v1/report/focus" ReadReports TenantOrAll;
    GET "/v1/report/export" ReadReports TenantOrAll;
    GET "/v1/report/savings" ReadReports TenantOrAll;
    GET "/v1/bills/compare" ReadReports Tenant;

    POST "/v1/tasks/{task}/overrides" Operate Body;
    POST "/v1/tasks/{task}/importance" Operate Body;
    POST "/v1/tasks/{task}/mark" Operate Body;
    POST "/v1/budgets/default-policies" Operate Body;
    POST "/v1/budgets/{budget}" Operate Body;
    POST "/v1/policies/{policy}" Operate Body;
    POST "/v1/policies/{policy}/raise" Operate Body;
    POST "/v1/policies/{policy}/withdraw" Operate Body;
    POST "/v1/bills" Operate Body;
    POST "/v1/prices/update" Operate Ledger;
    POST "/v1/prices/approve" Operate Ledger;
    POST "/v1/prices/reject" Operate Ledger;
    POST "/v1/prices/set" Operate Ledger;
    POST "/v1/prices/reprice" Operate Ledger;
    POST "/v1/alerts/look" Operate Ledger;
    POST "/v1/alerts/{id}/resend" Operate Ledger;
    POST "/v1/alerts/{id}/acknowledge" Operate Ledger;
    POST "/v1/quarantine/{id}/redrive" Operate Ledger;
    POST "/v1/quarantine/{id}/drop" Operate Ledger;
    POST "/v1/breaker/reset" Operate Ledger;
    POST "/v1/config/reload" Operate Ledger;
    POST "/v1/views/{view}/rebuild" Operate Ledger;

    GET "/v1/keys" Admin Ledger;
    POST "/v1/keys" Admin Ledger;
    POST "/v1/keys/{key}/rotate" Admin Ledger;
    POST "/v1/keys/{key}/revoke" Admin Ledger;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_of_an_address_has_one_rule() {
        for (at, rule) in RULES.iter().enumerate() {
            let first = RULES.iter().position(|other| (other.method, other.path) == (rule.method, rule.path));
            assert_eq!(first, Some(at), "{rule:?}");
        }
        assert_eq!(rule_of(&Method::DELETE, "/v1/events"), Err(Missing::Method));
        assert_eq!(rule_of(&Method::GET, "/v1/nowhere"), Err(Missing::Path));
    }

    #[test]
    fn every_operation_of_the_document_has_a_rule() {
        let document = crate::http::document();
        for (path, item) in &document.paths.paths {
            for (method, operation) in [(Method::GET, &item.get), (Method::POST, &item.post)] {
                if operation.is_some() {
                    assert!(rule_of(&method, path).is_ok(), "{method} {path} has no rule in access/rules.rs");
                }
            }
            let others = [&item.put, &item.delete, &item.patch, &item.head, &item.options, &item.trace];
            assert!(others.iter().all(|operation| operation.is_none()), "{path}: look at its other methods");
        }
    }
}
