//! A projector that answers over NATS for its partitions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::service::{Request as Asked, Service, ServiceExt};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tollgate_domain::position::Position;
use tollgate_log::contract::BoxFuture;
use tollgate_projection::alerts::Alerts;
use tollgate_projection::fold::Projection;
use tollgate_projection::reports::Reports;
use tollgate_projection::spending::Spending;
use tollgate_projection::status::Status;

use super::protocol::{
    HEALTH, MOVED, REBUILD, RebuiltPart, Reply, Request, SERVICE_VERSION, Trouble, are_told_apart,
    service_name, subject,
};
use crate::pool::Asker;
use crate::projector::Projector;
use crate::queries::{
    AllocationsMoved, AllocationsNamed, BillsOf, ChangesAfter, ChangesFor, ClosedTasks, ConfigsOf,
    DecisionBasisOf, DeliveriesOf, EarlyCorrections, EndpointOf, ExpiredBy, FindEvents, GoverningOf,
    HasPolicies, LastSettingsOf, LinesOf, ListAccesses, ListAlerts, ListAllocations, ListDeliveries,
    ListQuarantine, ListTasks, Marks, NearestTo, ObservedOfBudgets, ObservedOfViews, OneAlert,
    OneQuarantined, OneTask, OpenOfContext, OthersOfClass, OverviewOf, PricesDecided, RaisedBefore,
    RecordedLateIn, RunningTasks, SavingsOf, SpentNow, SpentOf, SpentOnce, SpentSince, TenantBudgetsOf,
    TenantsWithBudgets, TotalsOf, TouchedSince, UsageKindsOf, UsageSummaryOf,
};
use crate::query::{Answered, Query, Wait, restricted};

/// The number of queries answered at once. More wait at the server.
const AT_ONCE: usize = 256;

/// The number of queries over many rows that may be waiting for a position or their turn, or being answered:
/// this leaves room for other queries.
const LONG_AT_ONCE: usize = 64;

/// The longest that a query may wait for a position.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// An answer as it is sent, with the position it is valid for.
pub type Given = Result<Answered<Box<RawValue>>, Trouble>;

/// A projection whose view answers queries from other processes.
pub trait Served: Projection + Clone {
    /// Answers a query by its name; `None` if there is none with this name.
    #[doc(hidden)]
    fn dispatch<'a>(
        projector: &'a Projector<Self>,
        verb: &str,
        query: Option<&'a RawValue>,
        wait: Wait<'a>,
    ) -> Option<BoxFuture<'a, Given>>;
}

macro_rules! served {
    ($projection:ty: $($query:ty),+) => {
        const _: () = assert!(are_told_apart(&[$(<$query as Query<$projection>>::VERB),+]));

        impl Served for $projection {
            fn dispatch<'a>(
                projector: &'a Projector<Self>,
                verb: &str,
                query: Option<&'a RawValue>,
                wait: Wait<'a>,
            ) -> Option<BoxFuture<'a, Given>> {
                $(if verb == <$query as Query<$projection>>::VERB {
                    return Some(Box::pin(answer::<$projection, $query>(projector, query, wait)));
                })+
                None
            }
        }
    };
}

served!(
    Status: OneTask, DecisionBasisOf, ListTasks, OverviewOf, SavingsOf, RunningTasks, ClosedTasks, FindEvents, Marks
);
served!(
    Spending: TenantsWithBudgets, HasPolicies, UsageKindsOf, ExpiredBy, TenantBudgetsOf, AllocationsNamed, OpenOfContext, AllocationsMoved, ListAllocations, SpentOf, SpentNow, SpentSince, SpentOnce, TouchedSince, RecordedLateIn,
    UsageSummaryOf, NearestTo, Marks
);
served!(
    Reports: TotalsOf, LinesOf, BillsOf, OthersOfClass, ListAccesses, ConfigsOf, LastSettingsOf, PricesDecided, EarlyCorrections, Marks
);
served!(
    Alerts: ObservedOfBudgets, RaisedBefore, ListAlerts, ChangesAfter, EndpointOf, ChangesFor, DeliveriesOf, ListDeliveries, ObservedOfViews,
    GoverningOf, OneAlert, ListQuarantine, OneQuarantined, Marks
);

/// Why a projector cannot answer over NATS.
#[derive(Debug, thiserror::Error)]
#[error("answering for view {view} over NATS: {reason}")]
pub struct ServiceError {
    view: &'static str,
    reason: String,
}

/// A projector that answers over NATS until it is stopped.
pub struct Serving {
    service: Service,
    endpoints: JoinSet<()>,
}

/// Answers queries about a projector's partitions, on one subject each. Several projectors of the same
/// partitions share the queries.
///
/// # Errors
///
/// [`ServiceError`] if the server does not accept the subscriptions.
pub async fn serve<P: Served>(
    client: &async_nats::Client,
    projector: Arc<Projector<P>>,
) -> Result<Serving, ServiceError> {
    let failed = |error: async_nats::Error| ServiceError { view: P::NAME, reason: error.to_string() };
    let partitions = projector.partitions();
    let metadata = HashMap::from([
        ("partitions".to_owned(), partitions.to_string()),
        ("rows".to_owned(), format!("v{}", P::VERSION)),
    ]);
    let service = client
        .service_builder()
        .description(format!("the view {} of a tollgate ledger", P::NAME))
        .metadata(metadata)
        .start(service_name(P::NAME), SERVICE_VERSION)
        .await
        .map_err(failed)?;
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    let long_at_once = Arc::new(Semaphore::new(LONG_AT_ONCE));
    let mut endpoints = JoinSet::new();
    for partition in partitions.iter() {
        let builder = service.endpoint_builder().name(format!("partition-{partition}"));
        let mut endpoint = builder.add(subject(P::NAME, partition)).await.map_err(failed)?;
        let (projector, at_once) = (Arc::clone(&projector), Arc::clone(&at_once));
        let long_at_once = Arc::clone(&long_at_once);
        let max_bytes = client.server_info().max_payload;
        endpoints.spawn(async move {
            let mut running = JoinSet::new();
            while let Some(asked) = endpoint.next().await {
                while running.try_join_next().is_some() {}
                let permit = if is_long(&asked) {
                    let Ok(permit) = Arc::clone(&long_at_once).try_acquire_owned() else {
                        running.spawn(refuse::<P>(asked));
                        continue;
                    };
                    permit
                } else {
                    let Ok(permit) = Arc::clone(&at_once).acquire_owned().await else { return };
                    permit
                };
                let projector = Arc::clone(&projector);
                running.spawn(async move {
                    respond(&projector, asked, max_bytes).await;
                    drop(permit);
                });
            }
            // Queries already running still get their answers.
            running.join_all().await;
        });
    }
    Ok(Serving { service, endpoints })
}

impl Serving {
    /// Accepts no more queries, and answers those that are running.
    pub async fn stop(self) {
        if let Err(error) = self.service.stop().await {
            tracing::warn!(%error, "the service did not stop as it should");
        }
        // There is no point in waiting longer than a query may wait.
        let _ = tokio::time::timeout(Duration::from_secs(2), self.endpoints.join_all()).await;
    }
}

/// Whether its answer may take long.
fn is_long(asked: &Asked) -> bool {
    serde_json::from_slice::<Request<'_>>(&asked.message.payload)
        .is_ok_and(|request| request.begin || request.ask == REBUILD)
}

async fn refuse<P: Served>(asked: Asked) {
    let busy = Trouble::Busy { waiting: LONG_AT_ONCE, at_once: LONG_AT_ONCE };
    if let Err(error) = asked.respond(Ok(encoded(&Reply { error: Some(busy), ..Reply::default() }))).await {
        tracing::warn!(view = P::NAME, %error, "an answer could not be sent");
    }
}

async fn respond<P: Served>(projector: &Projector<P>, asked: Asked, max_bytes: usize) {
    if is_long(&asked)
        && let Err(error) = asked.respond(Ok(encoded(&Reply::default()))).await
    {
        tracing::warn!(view = P::NAME, %error, "the arrival of a question could not be told");
    }
    let reply = match given(projector, &asked.message.payload).await {
        Ok(Answered { answer, as_of, partitions }) => Reply {
            answer: Some(answer),
            as_of: Some(as_of.to_string()),
            partitions: Some(partitions.to_string()),
            error: None,
        },
        Err(error) => Reply { error: Some(error), ..Reply::default() },
    };
    let mut bytes = encoded(&reply);
    if max_bytes > 0 && bytes.len() > max_bytes {
        let reason = format!(
            "the answer has {} bytes, this server's max_payload is {max_bytes}; ask for fewer, or raise it",
            bytes.len()
        );
        bytes = encoded(&Reply { error: Some(Trouble::Failed { reason }), ..Reply::default() });
    }
    if let Err(error) = asked.respond(Ok(bytes)).await {
        tracing::warn!(view = P::NAME, %error, "an answer could not be sent");
    }
}

fn encoded(reply: &Reply) -> Bytes {
    // Texts and JSON that is already encoded.
    serde_json::to_vec(reply).expect("a reply can be encoded").into()
}

async fn given<P: Served>(projector: &Projector<P>, payload: &[u8]) -> Given {
    let request: Request<'_> = serde_json::from_slice(payload).map_err(|error| {
        Trouble::failed(format!("invalid query: {error}; it must be {{\"ask\": NAME, \"query\": {{…}}}}"))
    })?;
    let at_least = request.at_least.as_deref().map(str::parse::<Position>).transpose();
    let at_least = at_least.map_err(Trouble::failed)?;
    let up_to = Duration::from_millis(request.wait_ms).min(MAX_WAIT);
    let wait = Wait { at_least: at_least.as_ref(), up_to };
    match request.ask {
        HEALTH => now(projector, &projector.health().await),
        MOVED => {
            let from = at_least.clone().unwrap_or_else(|| projector.position());
            let from = restricted(&from, projector.partitions());
            projector.moved_from(&from, up_to).await;
            now(projector, &())
        }
        REBUILD => {
            let rebuilt = projector.rebuild().await.map_err(Trouble::from)?;
            now(projector, &RebuiltPart::from(rebuilt))
        }
        verb => match P::dispatch(projector, verb, request.query, wait) {
            Some(answer) => answer.await,
            None => Err(Trouble::failed(format!("view {} has no answer to `{verb}`", P::NAME))),
        },
    }
}

/// The projector's current state, without waiting.
fn now<P: Projection + Clone>(projector: &Projector<P>, answer: &impl Serialize) -> Given {
    let answer = to_raw_value(answer).map_err(Trouble::failed)?;
    Ok(Answered { answer, as_of: projector.position(), partitions: projector.partitions() })
}

async fn answer<P: Projection + Clone, Q: Query<P>>(
    projector: &Projector<P>,
    query: Option<&RawValue>,
    wait: Wait<'_>,
) -> Given {
    let text = query.map_or("{}", RawValue::get);
    let query: Q = serde_json::from_str(text)
        .map_err(|error| Trouble::failed(format!("query of `{}`: {error}", Q::VERB)))?;
    let Answered { answer, as_of, partitions } = projector.ask(wait, &query).await.map_err(Trouble::from)?;
    let answer = if Q::OVER_MANY {
        // Serialized where it was produced: it may be large.
        let written = projector.readers().run(Asker::Served, move || to_raw_value(&answer)).await;
        written.map_err(Trouble::failed)?
    } else {
        to_raw_value(&answer)
    };
    let answer = answer.map_err(Trouble::failed)?;
    Ok(Answered { answer, as_of, partitions })
}
