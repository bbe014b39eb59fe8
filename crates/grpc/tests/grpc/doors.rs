//! Both doors say the same.

use serde::Serialize;
use serde_json::{Value, json};
use tollgate_grpc::proto::alerts_client::AlertsClient;
use tollgate_grpc::proto::budgets_client::BudgetsClient;
use tollgate_grpc::proto::events_client::EventsClient;
use tollgate_grpc::proto::gate_client::GateClient;
use tollgate_grpc::proto::reports_client::ReportsClient;
use tollgate_grpc::proto::tasks_client::TasksClient;
use tollgate_grpc::proto::usage_client::UsageClient;
use tollgate_grpc::proto::{
    AlertsQuery, AllocateRequest, AllocationQuery, BudgetQuery, BudgetsQuery, ExtendRequest, GateRequest,
    PositionQuery, ReleaseRequest, ReportQuery, TaskQuery, TasksQuery, UsageQuery,
};

use crate::support::{Service, events, opened, started, used};

/// An answer without what is absent in one form or the other.
fn bare(answer: &Value) -> Value {
    match answer {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), bare(value)));
            Value::Object(fields.filter(|(_, value)| !is_nothing(value)).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(bare).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => answer.clone(),
    }
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || [json!(""), json!(0), json!(false), json!([]), json!({})].contains(value)
}

#[track_caller]
fn same(over_grpc: &impl Serialize, over_http: &Value) {
    let over_grpc = bare(&serde_json::to_value(over_grpc).unwrap());
    assert!(over_grpc.as_object().is_some_and(|fields| !fields.is_empty()), "{over_grpc}");
    assert_eq!(over_grpc, bare(over_http));
}

/// A ledger with a task beyond its limit, a budget with a policy, and an allocation.
async fn filled() -> Service {
    let service = Service::new().await;
    let budget = json!({"title": "Team", "labels": {"team": "search"}});
    let _ = service.post("/v1/budgets/team", budget).await;
    let policy = json!({"budget": "team", "window": "daily", "limit_usd": "10.50", "limit_tokens": 100_000});
    let _ = service.post("/v1/policies/daily", policy).await;
    let request =
        events(vec![opened("1", "T-1"), started("2", "T-1", "PLAN"), used("3", "T-1", "PLAN", 90_000)]);
    let reply = EventsClient::new(service.calls.clone()).append(request).await.unwrap().into_inner();
    assert!(reply.problem.is_none(), "{reply:?}");
    service
}

const TAIL: &str = "tail";

#[tokio::test(flavor = "multi_thread")]
async fn questions_have_the_same_answers_at_both_doors() {
    let service = filled().await;
    let calls = || service.calls.clone();
    let (task, at_least) = ("T-1".to_owned(), TAIL.to_owned());
    let asked = TaskQuery { task: task.clone(), at_least: at_least.clone(), ..TaskQuery::default() };
    let found = TasksClient::new(calls()).get(asked).await.unwrap();
    assert!(found.metadata().contains_key("tollgate-ledger"), "{found:?}");
    let found = found.into_inner();
    assert_eq!((found.tokens_used, found.budget_status.as_str()), (90_000, "exceeded"));
    same(&found, &service.get("/v1/tasks/T-1?at_least=tail").await);

    let stage = vec!["open".to_owned(), "closed".to_owned()];
    let refused =
        TasksClient::new(calls()).list(TasksQuery { stage, ..TasksQuery::default() }).await.unwrap_err();
    assert!(refused.message().contains("stage") && refused.message().contains("closed"), "{refused:?}");
    let stage = vec!["open".to_owned(), "completed".to_owned()];
    let asked = TasksQuery { stage, at_least: at_least.clone(), ..TasksQuery::default() };
    let found = TasksClient::new(calls()).list(asked).await.unwrap().into_inner();
    assert_eq!(found.tasks.len(), 1);
    same(&found, &service.get("/v1/tasks?stage=open,completed&at_least=tail").await);

    // A reading is recorded, and the next one is later.
    let asked = ReportQuery { task: task.clone(), at_least: at_least.clone(), ..ReportQuery::default() };
    let found = ReportsClient::new(calls()).get(asked).await.unwrap().into_inner();
    let mut other = service.get("/v1/tasks/T-1/report?at_least=tail").await;
    other["as_of"] = json!(found.as_of);
    same(&found, &other);

    let group_by = vec!["model".to_owned(), "phase".to_owned()];
    let asked =
        UsageQuery { group_by, by: "day".to_owned(), at_least: at_least.clone(), ..UsageQuery::default() };
    let found = UsageClient::new(calls()).sum(asked).await.unwrap().into_inner();
    assert_eq!(found.groups.len(), 1, "{found:?}");
    same(&found, &service.get("/v1/usage/summary?group_by=model,phase&by=day&at_least=tail").await);

    let asked = AlertsQuery { at_least: at_least.clone(), ..AlertsQuery::default() };
    let found = AlertsClient::new(calls()).list(asked).await.unwrap().into_inner();
    assert!(!found.alerts.is_empty());
    same(&found, &service.get("/v1/alerts?at_least=tail").await);

    let found = BudgetsClient::new(calls())
        .list(BudgetsQuery { at_least: at_least.clone(), ..BudgetsQuery::default() })
        .await
        .unwrap()
        .into_inner();
    assert!(!found.budgets.is_empty());
    same(&found, &service.get("/v1/budgets?at_least=tail").await);
    let asked = BudgetQuery { budget: "team".to_owned(), at_least, ..BudgetQuery::default() };
    let found = BudgetsClient::new(calls()).get(asked).await.unwrap().into_inner();
    same(&found, &service.get("/v1/budgets/team?at_least=tail").await);

    let found = EventsClient::new(calls()).get_position(PositionQuery {}).await.unwrap().into_inner();
    same(&found, &service.get("/v1/position").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_the_same_and_made_once_at_both_doors() {
    let service = filled().await;
    let calls = || service.calls.clone();
    let asked = GateRequest {
        task: "T-1".to_owned(),
        advance_to: "IMPLEMENT".to_owned(),
        id: "q-1".to_owned(),
        ..GateRequest::default()
    };
    let decided = GateClient::new(calls()).decide(asked).await.unwrap().into_inner();
    assert_ne!(decided.ruled, "allow", "{decided:?}");
    let again = json!({"advance_to": "IMPLEMENT", "id": "q-1"});
    same(&decided, &service.post("/v1/tasks/T-1/gate", again).await);

    let mut budgets = BudgetsClient::new(calls());
    let asked = AllocateRequest {
        model: "gpt-5".to_owned(),
        tokens: Some(1000),
        usd: "0.123456789012345678".to_owned(),
        ..AllocateRequest::default()
    };
    let checked = budgets.check(asked.clone()).await.unwrap().into_inner();
    assert_eq!(checked.amount.as_ref().unwrap().usd.as_str(), "0.123456789012345678", "exact: {checked:?}");
    let same_again = json!({"model": "gpt-5", "tokens": 1000, "usd": "0.123456789012345678"});
    same(&checked, &service.post("/v1/check", same_again).await);

    let asked = AllocateRequest { allocation: "a-1".to_owned(), ..asked };
    let made = budgets.allocate(asked.clone()).await.unwrap().into_inner();
    assert_eq!((made.state.as_str(), made.repeated), ("open", false));
    let again = budgets.allocate(asked).await.unwrap().into_inner();
    assert!(again.repeated, "{again:?}");
    let more = ExtendRequest { allocation: "a-1".to_owned(), tokens: Some(500), ..ExtendRequest::default() };
    let extended = budgets.extend(more).await.unwrap().into_inner();
    assert_eq!(extended.amount.unwrap().tokens, 1500);
    let released = ReleaseRequest { allocation: "a-1".to_owned(), ..ReleaseRequest::default() };
    assert_eq!(budgets.release(released).await.unwrap().into_inner().state, "released");
    let asked = AllocationQuery {
        allocation: "a-1".to_owned(),
        at_least: TAIL.to_owned(),
        ..AllocationQuery::default()
    };
    let found = budgets.get_allocation(asked).await.unwrap().into_inner();
    same(&found, &service.get("/v1/allocations/a-1?at_least=tail").await);
}
