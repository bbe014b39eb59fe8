//! From recorded events to alerts: the state of the task before and after, and what became true or false in between.

use std::collections::BTreeSet;

use tollgate_domain::alert::{AlertRule, Condition, alert_id};
use tollgate_domain::event::{
    AlertAcknowledged, AlertEvent, Change, ConditionObserved, EventBody, InboxEvent, LedgerEvent,
    RecordedEvent, ReportEvent, UsageEvent,
};
use tollgate_domain::ids::LEDGER_TENANT;
use tollgate_domain::position::Sequence;
use tollgate_domain::time::Timestamp;

use super::Alerts;
use super::completion::completion;
use super::conditions::{forget_outdated, observe, why_gone};
use super::corrections::over_correction;
use super::folding::{Raising, fold};
use super::quiet::Quiet;
use super::row::{
    Acknowledged, Alert, AlertChange, AlertsRow, Resolved, Watch, alert_key, change_key, watch_key,
};
use super::truths::{conditions, is_unchanged};
use super::watch::conflict;
use super::{access, bypass, delivery, once, prices, quarantine};
use crate::fold::{Conflict, Projection, Rows};
use crate::status::fold_task;

impl Projection for Alerts {
    const NAME: &'static str = "alerts";
    const VERSION: u32 = 22;
    type Row = AlertsRow;
    type Kept = ();
    type Live = ();

    fn apply<R: Rows<AlertsRow>>(&self, event: &RecordedEvent<'_>, rows: &mut R) -> Result<(), R::Error> {
        let moment = Moment::of(event);
        match event.body {
            EventBody::Alert(AlertEvent::DeliveryAttempted(attempted)) => {
                delivery::attempted(rows, event, attempted)
            }
            EventBody::Alert(AlertEvent::DeliveryRequested(requested)) => {
                delivery::requested(rows, event, requested)
            }
            EventBody::Alert(AlertEvent::AlertAcknowledged(acknowledged)) => {
                acknowledge(rows, moment, acknowledged)
            }
            EventBody::Inbox(InboxEvent::InboxRejected(rejected)) => {
                if quarantine::rejected(rows, event, rejected)? {
                    watched(rows, moment, |watch| {
                        watch.rejections = watch.rejections.saturating_add(1);
                        if watch.rejections == 1 {
                            watch.rejected = format!("{} (subject {})", rejected.reason, rejected.subject);
                        }
                    })?;
                }
                Ok(())
            }
            EventBody::Inbox(InboxEvent::InboxResolved(resolved)) => {
                if quarantine::resolved(rows, event, resolved)? {
                    watched(rows, moment, |watch| watch.rejections = watch.rejections.saturating_sub(1))?;
                }
                Ok(())
            }
            EventBody::Ledger(LedgerEvent::TransitionsMeasured(measured)) => {
                watched(rows, moment, |watch| watch.transitions.note(measured, event.occurred_at))
            }
            EventBody::Report(ReportEvent::ReportRead(read)) => {
                watched(rows, moment, |watch| access::read(watch, event, read))
            }
            EventBody::Alert(AlertEvent::ConditionObserved(seen)) => observed(rows, event, moment, seen),
            EventBody::Budget(_) | EventBody::Bill(_) | EventBody::Key(_) => Ok(()),
            EventBody::Price(decided) => watched(rows, moment, |watch| prices::note(watch, event, decided)),
            _ if !event.concerns_task() => Ok(()),
            EventBody::Task(_)
            | EventBody::Usage(_)
            | EventBody::Gate(_)
            | EventBody::Ledger(
                LedgerEvent::ConfigLoaded(_)
                | LedgerEvent::ConfigRejected(_)
                | LedgerEvent::PriceBookLoaded(_)
                | LedgerEvent::LossAccepted(_),
            ) => watched(rows, moment, |watch| {
                if watch.task.last_at == Timestamp::default() {
                    let at = event.occurred_at.believed(event.recorded_at);
                    (watch.task.first_at, watch.task.last_at) = (at, at);
                }
                let before = bypass::last(watch);
                fold_task(&mut watch.task, event);
                bypass::note(watch, before, event.task);
                forget_outdated(watch);
                if let EventBody::Usage(UsageEvent::UsageAdjusted(adjusted)) = event.body
                    && let Some(seen) = over_correction(event, adjusted, watch)
                {
                    observe(watch, &seen);
                }
            }),
        }
    }

    /// The log has one event id with two contents: a person must look at who made them.
    fn conflict<R: Rows<AlertsRow>>(&self, found: &Conflict<'_>, rows: &mut R) -> Result<(), R::Error> {
        let moment = Moment {
            tenant: found.tenant,
            task: found.task,
            sequence: found.sequence,
            at: found.recorded_at,
            is_usage: false,
        };
        let seen = conflict(found.task, found.producer, found.id, found.sequence.0, found.recorded_at);
        watched(rows, moment, |watch| observe(watch, &seen))
    }
}

/// Where and when something happened.
#[derive(Clone, Copy)]
struct Moment<'a> {
    tenant: &'a str,
    task: &'a str,
    sequence: Sequence,
    at: Timestamp,
    /// Whether it is usage, which adds to what was used and changes nothing else.
    is_usage: bool,
}

impl<'a> Moment<'a> {
    fn of(event: &RecordedEvent<'a>) -> Self {
        // What it raises or ends is dated by the recording time if its own time is implausible. The ledger's
        // own times are always trusted.
        let own = event.tenant == LEDGER_TENANT;
        let at = if own { event.occurred_at } else { event.occurred_at.unless_skewed(event.recorded_at) };
        let is_usage = matches!(event.body, EventBody::Usage(UsageEvent::UsageRecorded(_)));
        Self { tenant: event.tenant, task: event.task, sequence: event.sequence, at, is_usage }
    }
}

/// Folds something into the watch of a task, and anything that became true or false by it into alerts.
fn watched<R: Rows<AlertsRow>>(
    rows: &mut R,
    moment: Moment<'_>,
    change: impl FnOnce(&mut Watch),
) -> Result<(), R::Error> {
    let key = watch_key(moment.tenant, moment.task);
    let AlertsRow::Watch(watch) = rows.change(&key, || AlertsRow::Watch(Box::default()))? else {
        return Ok(());
    };
    if !moment.is_usage {
        watch.quiet.forget();
    }
    change(watch);
    if Quiet::lasts(watch) {
        debug_assert!(
            !cfg!(test) || is_unchanged(watch, moment.task),
            "{}: usage changed something",
            moment.task
        );
        return Ok(());
    }
    let (raised, resolved) = turn(watch, moment);
    if moment.is_usage {
        watch.quiet = Quiet::learn(watch);
    }
    for alert in raised {
        raise(rows, moment, alert)?;
    }
    for (id, end) in resolved {
        resolve(rows, moment, &id, end)?;
    }
    Ok(())
}

fn observed<R: Rows<AlertsRow>>(
    rows: &mut R,
    event: &RecordedEvent<'_>,
    moment: Moment<'_>,
    seen: &ConditionObserved,
) -> Result<(), R::Error> {
    if !once::is_told_once(seen.rule()) {
        return watched(rows, moment, |watch| observe(watch, seen));
    }
    if let Some((id, end)) = once::ended(rows, event, moment.at, seen)? {
        return resolve(rows, moment, &id, end);
    }
    match once::raised(rows, event, moment.at, seen)? {
        Some(alert) => raise(rows, moment, alert),
        None => Ok(()),
    }
}

fn raise<R: Rows<AlertsRow>>(rows: &mut R, moment: Moment<'_>, alert: Alert) -> Result<(), R::Error> {
    note(rows, moment, &alert.id, Change::Raised)?;
    let key = alert_key(&alert.id);
    rows.change(&key, || AlertsRow::Alert(Box::new(alert))).map(|_| ())
}

/// Records that something happened to an alert.
fn note<R: Rows<AlertsRow>>(
    rows: &mut R,
    moment: Moment<'_>,
    alert: &str,
    change: Change,
) -> Result<(), R::Error> {
    let change = AlertChange { alert: alert.to_owned(), change, resend: None };
    rows.change(&change_key(moment.sequence, &change), || AlertsRow::Change(change.clone())).map(|_| ())
}

fn resolve<R: Rows<AlertsRow>>(
    rows: &mut R,
    moment: Moment<'_>,
    id: &str,
    end: Resolved,
) -> Result<(), R::Error> {
    note(rows, moment, id, Change::Resolved)?;
    // Every open condition has a row for its alert.
    if rows.get(&alert_key(id))?.is_some()
        && let AlertsRow::Alert(alert) = rows.change(&alert_key(id), || AlertsRow::Watch(Box::default()))?
    {
        alert.resolved = Some(end);
    }
    Ok(())
}

/// The first acknowledgement counts. One that names no alert of its own task changes nothing: a task cannot
/// end alerts of another.
fn acknowledge<R: Rows<AlertsRow>>(
    rows: &mut R,
    moment: Moment<'_>,
    acknowledged: &AlertAcknowledged,
) -> Result<(), R::Error> {
    let key = alert_key(&acknowledged.alert);
    let Some(AlertsRow::Alert(alert)) = rows.get(&key)? else { return Ok(()) };
    if alert.tenant != moment.tenant || alert.task != moment.task || alert.acknowledged.is_some() {
        return Ok(());
    }
    let ended = alert.condition.rule.ends_with_acknowledgement() && alert.resolved.is_none();
    let condition = alert.condition.clone();
    if let AlertsRow::Alert(alert) = rows.change(&key, || AlertsRow::Watch(Box::default()))? {
        alert.acknowledged = Some(Acknowledged {
            sequence: moment.sequence,
            at: moment.at,
            by: acknowledged.by.clone(),
            note: acknowledged.note.clone(),
        });
    }
    note(rows, moment, &acknowledged.alert, Change::Acknowledged)?;
    if ended {
        let watch =
            rows.change(&watch_key(moment.tenant, moment.task), || AlertsRow::Watch(Box::default()))?;
        if let AlertsRow::Watch(watch) = watch {
            watch.quiet.forget();
            watch.observed.remove(&condition);
            if condition.rule == AlertRule::Breaker {
                watch.transitions.forget_recent();
            }
            watch.open.remove(&condition);
        }
        let why = format!("acknowledged by {}", acknowledged.by);
        let end = Resolved { by: moment.sequence, at: moment.at, why };
        resolve(rows, moment, &acknowledged.alert, end)?;
        if condition.rule == AlertRule::Bypass {
            // What it kept open goes with it: the alert of the block.
            watched(rows, moment, |_| {})?;
        }
    }
    Ok(())
}

/// Compares what is true now with what was true before: the alerts to raise, and those to resolve with the reasons.
fn turn(watch: &mut Watch, moment: Moment<'_>) -> (Vec<Alert>, Vec<(String, Resolved)>) {
    if is_unchanged(watch, moment.task) {
        return (notice(watch, moment).into_iter().collect(), Vec::new());
    }
    let mut now = conditions(watch, moment.task);
    let gone: BTreeSet<Condition> =
        watch.open.keys().filter(|condition| !now.contains_key(condition)).cloned().collect();
    let mut resolved = Vec::new();
    for condition in gone {
        let why = why_gone(watch, &condition);
        let Some(id) = watch.open.remove(&condition) else { continue };
        let generation = watch.generations.get(&condition).copied().unwrap_or_default();
        // A condition that was folded into another's alert ends silently.
        if id == alert_id(moment.tenant, moment.task, &condition, generation) {
            // Conditions folded into this one that are still true are reported anew.
            watch.open.retain(|_, other| *other != id);
            resolved.push((id, Resolved { by: moment.sequence, at: moment.at, why }));
        }
    }
    now.retain(|condition, _| !watch.open.contains_key(condition));
    let mut raised = Vec::new();
    for Raising { condition, severity, message, folded } in fold(now) {
        let generation = watch.generations.entry(condition.clone()).or_default();
        *generation = generation.saturating_add(1);
        let generation = *generation;
        let id = alert_id(moment.tenant, moment.task, &condition, generation);
        for condition in std::iter::once(&condition).chain(&folded) {
            watch.open.insert(condition.clone(), id.clone());
        }
        raised.push(Alert {
            id,
            tenant: moment.tenant.to_owned(),
            task: moment.task.to_owned(),
            condition,
            folded,
            generation,
            severity,
            message,
            raised: moment.sequence,
            raised_at: moment.at,
            acknowledged: None,
            resolved: None,
        });
    }
    raised.extend(notice(watch, moment));
    (raised, resolved)
}

/// A notice about a completed task: it is sent once and nobody has to end it.
fn notice(watch: &mut Watch, moment: Moment<'_>) -> Option<Alert> {
    let (condition, severity, message) = completion(&watch.task, moment.tenant, moment.task)?;
    let generation = watch.generations.entry(condition.clone()).or_default();
    if *generation > 0 {
        return None;
    }
    *generation = 1;
    let why = "a notice, told once".to_owned();
    Some(Alert {
        id: alert_id(moment.tenant, moment.task, &condition, 1),
        tenant: moment.tenant.to_owned(),
        task: moment.task.to_owned(),
        condition,
        folded: Vec::new(),
        generation: 1,
        severity,
        message,
        raised: moment.sequence,
        raised_at: moment.at,
        acknowledged: None,
        resolved: Some(Resolved { by: moment.sequence, at: moment.at, why }),
    })
}
