//! Every method of the schema × every scope × its own tenant and a foreign one. A method that is not in this table
//! fails the test.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde_json::json;
use tonic::Code;

use crate::support::{Service, events, opened, schema};

const SCOPES: [&str; 6] = ["append", "decide", "read", "read_reports", "operate", "admin"];

/// Whose data a method is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Nobody's.
    Nobody,
    /// The tenant's that the request names, or `default`'s.
    Tenant,
    /// The same; without one it is about all.
    TenantOrAll,
    /// Everybody's: a key for one tenant may not do it at all.
    All,
}

/// Methods by scope, with whose data they are about. `anybody` needs no key, `any` any key.
const EXPECTED: &[(&str, Of, &str)] = &[
    ("append", Of::Tenant, "tollgate.api.v1.Events.Append"),
    ("append", Of::Tenant, "tollgate.api.v1.Events.AppendStream"),
    ("any", Of::Nobody, "tollgate.api.v1.Events.GetPosition"),
    ("decide", Of::Tenant, "tollgate.api.v1.Gate.Decide"),
    ("decide", Of::Tenant, "tollgate.api.v1.Budgets.Check"),
    ("decide", Of::Tenant, "tollgate.api.v1.Budgets.Allocate"),
    ("decide", Of::Tenant, "tollgate.api.v1.Budgets.Extend"),
    ("decide", Of::Tenant, "tollgate.api.v1.Budgets.Release"),
    ("read", Of::Tenant, "tollgate.api.v1.Budgets.GetAllocation"),
    ("read", Of::Tenant, "tollgate.api.v1.Budgets.List"),
    ("read", Of::Tenant, "tollgate.api.v1.Budgets.Get"),
    ("read", Of::Tenant, "tollgate.api.v1.Tasks.Get"),
    ("read", Of::Tenant, "tollgate.api.v1.Tasks.List"),
    ("read", Of::Tenant, "tollgate.api.v1.Usage.Sum"),
    ("read", Of::TenantOrAll, "tollgate.api.v1.Alerts.List"),
    ("read", Of::All, "tollgate.api.v1.Alerts.Watch"),
    ("read_reports", Of::Tenant, "tollgate.api.v1.Reports.Get"),
    ("anybody", Of::Nobody, "grpc.health.v1.Health.Check"),
    ("anybody", Of::Nobody, "grpc.health.v1.Health.Watch"),
    ("any", Of::Nobody, "grpc.reflection.v1.ServerReflection.ServerReflectionInfo"),
    ("any", Of::Nobody, "grpc.reflection.v1alpha.ServerReflection.ServerReflectionInfo"),
];

/// A request that can be read, about a tenant, framed. It may break another rule.
fn request(method: Option<&MethodDescriptor>, tenant: Option<&str>) -> Vec<u8> {
    let message = match method {
        Some(method) if method.input().full_name() == "tollgate.v1.AppendRequest" => {
            let mut request = events(vec![opened("1", "T-1")]);
            request.tenant = tenant.unwrap_or_default().to_owned();
            request.encode_to_vec()
        }
        Some(method) => {
            let mut message = DynamicMessage::new(method.input());
            let texts = [
                ("task", "T-1"),
                ("allocation", "a"),
                ("budget", "b"),
                ("advance_to", "PLAN"),
                ("model", "gpt-5"),
            ];
            for (name, text) in texts.into_iter().chain(tenant.map(|tenant| ("tenant", tenant))) {
                // A check has no name.
                if method.input().get_field_by_name(name).is_some()
                    && !(name, method.name()).eq(&("allocation", "Check"))
                {
                    message.set_field_by_name(name, prost_reflect::Value::String(text.to_owned()));
                }
            }
            if method.input().get_field_by_name("tokens").is_some() {
                message.set_field_by_name("tokens", prost_reflect::Value::U64(10));
            }
            message.encode_to_vec()
        }
        // Of health and reflection: an empty message asks about the whole server.
        None => Vec::new(),
    };
    let length = u32::try_from(message.len()).unwrap();
    [&[0][..], &length.to_be_bytes(), &message].concat()
}

fn method(name: &str) -> Option<MethodDescriptor> {
    let (service, method) = name.rsplit_once('.').unwrap();
    schema().get_service_by_name(service)?.methods().find(|found| found.name() == method)
}

/// How a call ends. Those that follow would not: they are given no time.
async fn status(service: &Service, key: &str, name: &str, tenant: Option<&str>) -> tonic::Status {
    let (service_name, method_name) = name.rsplit_once('.').unwrap();
    let path = format!("/{service_name}/{method_name}");
    let timeout: &[(&str, &str)] = if method_name == "Watch" { &[("grpc-timeout", "20m")] } else { &[] };
    let body = request(method(name).as_ref(), tenant);
    service.calls.with(key).raw(&path, timeout, body).await
}

#[test]
fn the_table_has_every_method_and_no_other() {
    let pool = schema();
    let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let methods: BTreeSet<String> = methods.map(|method| method.full_name().to_owned()).collect();
    let own =
        EXPECTED.iter().map(|(_, _, name)| (*name).to_owned()).filter(|name| name.starts_with("tollgate."));
    assert_eq!(own.collect::<BTreeSet<_>>(), methods, "each method of the schema needs a row in this table");
}

#[tokio::test]
async fn every_method_answers_every_scope_and_a_foreign_tenant_as_expected() {
    let service = Service::new().await;
    let root = service.close().await;
    let mut keys = BTreeMap::new();
    for scope in SCOPES {
        let body = json!({"key": format!("all-{scope}"), "scopes": [scope]});
        keys.insert((scope, false), service.make_key(&root, &body).await);
        if scope != "admin" {
            let body = json!({"key": format!("acme-{scope}"), "scopes": [scope], "tenants": ["acme"]});
            keys.insert((scope, true), service.make_key(&root, &body).await);
        }
    }
    let (mut asked, mut unexpected) = (0, Vec::new());
    for (scope, of, name) in EXPECTED {
        let mut check = |what: &str, tenant: Option<&str>, status: tonic::Status, let_in: bool| {
            asked += 1;
            // What is let in may break another rule, but it has to be read.
            let refused = matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied);
            let unread = matches!(status.code(), Code::Unimplemented | Code::Internal | Code::Unknown)
                || status.message().contains("does not fit this operation");
            if refused == let_in || unread {
                unexpected.push(format!("{name} {tenant:?} with {what}: {status:?}"));
            }
        };
        let open = *scope == "anybody";
        check("no key", None, status(&service, "", name, None).await, open);
        let unknown = "tg_00000000000000000000000000000000q3msqq";
        check("an unknown key", None, status(&service, unknown, name, None).await, open);
        for ((has, restricted), key) in &keys {
            let may = open || *scope == "any" || scope == has || *has == "admin";
            for tenant in [None, Some("acme"), Some("rival")] {
                let covers = !restricted
                    || match of {
                        Of::Nobody => true,
                        Of::All => false,
                        Of::Tenant | Of::TenantOrAll => tenant == Some("acme"),
                    };
                let what = format!("{has}{}", if *restricted { " for acme" } else { "" });
                check(&what, tenant, status(&service, key, name, tenant).await, may && covers);
            }
        }
    }
    assert!(asked > 600, "{asked}");
    assert!(unexpected.is_empty(), "{} of {asked}:\n{}", unexpected.len(), unexpected.join("\n"));
}
