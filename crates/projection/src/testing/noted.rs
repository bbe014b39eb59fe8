//! Steps of a story about alerts: what a clock shows, what people do, what is delivered, what the inbox refuses.
//!
//! * `live`: events are appended when they happen
//! * `look`: an observer writes down what passing time shows about the current task
//! * `conflict ID`, `lag VIEW PARTITION on|off`, `unreadable VIEW PARTITION on|off`
//! * `ack RULE`: the latest alert of that rule for the current task
//! * `deliver RULE CHANGE ENDPOINT OUTCOME [MINUTES]`: the latest alert likewise; minutes to the next attempt
//! * `digest ENDPOINT OUTCOME`: of all changes so far
//! * `resend RULE CHANGE [ENDPOINT]`
//! * `maybe STEP`: a step about an alert, if the current task has one of that rule
//! * `read TASK READER ADDRESS`: someone reads a report
//! * `refuse start|end PHASE [ATTEMPT]`: a sender who does not know the phase of the current task tries this
//! * `reject TEXT`, `redriven N`, `dropped N`: the n-th rejection, from 1

use tollgate_domain::alert::AlertRule;
use tollgate_domain::config::WatchConfig;
use tollgate_domain::event::{
    AlertAcknowledged, AlertEvent, Change, ConditionObserved, DeliveryAttempted, DeliveryOutcome,
    DeliveryRequested, EventBody, InboxEvent, InboxRejected, InboxResolved, PhaseEnded, PhaseStarted,
    QuarantineAction, ReportEvent, ReportKind, ReportRead, TaskEvent,
};
use tollgate_domain::ids::LEDGER_TENANT;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::task::decide;

use super::Story;
use crate::alerts::out_of_step::{Phases, out_of_step};
use crate::alerts::{
    Alert, AlertChange, AlertsRow, CHANGES, Quarantined, Watch, change_sequence, watch, watch_key,
};

impl Story {
    /// Performs a step if it is one of these; returns whether it was.
    pub(super) fn noted(&mut self, words: &[&str]) -> bool {
        match *words {
            ["look"] => self.look(),
            ["conflict", id] => {
                let seen = watch::conflict(&self.task, "agent", id, self.events.len() as u64, self.now);
                self.observe(seen);
            }
            ["lag", view, partition, state] => {
                let config = WatchConfig::default();
                let partition = PartitionId::new(partition.parse().unwrap()).unwrap();
                let seen = watch::lag(view, partition, self.now, state == "on", &config);
                self.observe_of_ledger(seen);
            }
            ["unreadable", view, partition, state] => {
                let partition = PartitionId::new(partition.parse().unwrap()).unwrap();
                let seen = watch::unreadable(view, partition, 7, self.now, state == "on");
                self.observe_of_ledger(seen);
            }
            ["read", task, reader, address] => {
                let read = ReportRead {
                    report: ReportKind::Task,
                    task: task.to_owned(),
                    reader: reader.to_owned(),
                    address: address.to_owned(),
                    format: "html".to_owned(),
                    redacted: false,
                };
                let tenant = self.tenant.clone();
                self.under_ledger(&tenant, |story| {
                    story.append(EventBody::Report(ReportEvent::ReportRead(Box::new(read))))
                });
            }
            ["ack", rule] => {
                let alert = self.latest(rule).id;
                let (by, note) = ("grace".to_owned(), Some("on it".to_owned()));
                self.append(EventBody::from(AlertAcknowledged { alert, by, note }));
            }
            ["deliver", rule, change, endpoint, outcome, ref minutes @ ..] => {
                self.deliver(rule, change, endpoint, outcome, minutes.first().copied());
            }
            ["digest", endpoint, outcome] => self.digest(endpoint, outcome),
            ["resend", rule, change, ref endpoint @ ..] => {
                let alert = self.latest(rule).id;
                self.append(EventBody::from(DeliveryRequested {
                    alert,
                    change: Change::from_word(change).unwrap(),
                    endpoint: endpoint.first().map(|name| (*name).to_owned()),
                    by: "grace".to_owned(),
                    reason: "the receiver lost it".to_owned(),
                }));
            }
            ["maybe", ref rest @ ..] => {
                let rule = AlertRule::from_word(rest[1]).unwrap();
                let own = |alert: &&Alert| alert.tenant == self.tenant && alert.task == self.task;
                if self.alerts().into_iter().filter(own).any(|alert| alert.condition.rule == rule) {
                    self.noted(rest);
                }
            }
            ["refuse", what, phase, ref attempt @ ..] => self.refuse(what, phase, attempt.first().copied()),
            ["reject", text] => self.reject(text),
            [action @ ("redriven" | "dropped"), nth] => self.end_quarantine(action, nth.parse().unwrap()),
            _ => return false,
        }
        true
    }

    fn look(&mut self) {
        let Some(row) = self.row().cloned() else { return };
        for seen in watch::observed(&self.task, &row, self.now, &self.config.alerts) {
            self.observe(seen);
        }
    }

    fn refuse(&mut self, what: &str, phase: &str, attempt: Option<&str>) {
        let row = self.row().cloned().unwrap();
        let (phase, attempt) = (phase.parse().unwrap(), attempt.map(|attempt| attempt.parse().unwrap()));
        let command = match what {
            "start" => TaskEvent::from(PhaseStarted { phase, attempt, concluded_by: None }),
            "end" => TaskEvent::from(PhaseEnded { phase, attempt }),
            other => panic!("{other}: not start and not end"),
        };
        let rejection = decide(&row.state, command.clone()).unwrap_err();
        let seen = out_of_step(&self.task, &Phases::of(&row), &command, &rejection).unwrap();
        self.append_as(
            seen.event_id().as_str(),
            self.now,
            EventBody::Alert(AlertEvent::ConditionObserved(Box::new(seen))),
        );
    }

    pub(crate) fn observe(&mut self, seen: ConditionObserved) {
        let (id, at) = (seen.event_id(), seen.due());
        self.append_as(id.as_str(), at, EventBody::Alert(AlertEvent::ConditionObserved(Box::new(seen))));
    }

    fn observe_of_ledger(&mut self, seen: ConditionObserved) {
        self.under_ledger(LEDGER_TENANT, |story| story.observe(seen));
    }

    /// Appends something as the tenant and task of another story.
    /// Appends something under the tenant and task of the ledger itself.
    pub(crate) fn append_to_ledger(&mut self, body: EventBody) {
        self.under_ledger(LEDGER_TENANT, |story| story.append(body));
    }

    pub(crate) fn append_elsewhere(&mut self, other: &Self, body: EventBody) {
        let tenant = std::mem::replace(&mut self.tenant, other.tenant.clone());
        let task = std::mem::replace(&mut self.task, other.task.clone());
        self.append(body);
        (self.tenant, self.task) = (tenant, task);
    }

    fn under_ledger(&mut self, tenant: &str, step: impl FnOnce(&mut Self)) {
        let tenant = std::mem::replace(&mut self.tenant, tenant.to_owned());
        let task = std::mem::replace(&mut self.task, LEDGER_TENANT.to_owned());
        step(self);
        (self.tenant, self.task) = (tenant, task);
    }

    /// The watch of the current task.
    pub(crate) fn watch(&self) -> &Watch {
        self.alerts[&watch_key(&self.tenant, &self.task)].watch().unwrap()
    }

    /// All alerts, in the order in which they were raised.
    pub(crate) fn alerts(&self) -> Vec<&Alert> {
        let mut alerts: Vec<&Alert> = self.alerts.values().filter_map(AlertsRow::alert).collect();
        alerts.sort_by_key(|alert| (alert.raised, &alert.condition, alert.generation));
        alerts
    }

    /// All changes with their records, in log order.
    pub(crate) fn changes(&self) -> Vec<(Sequence, &AlertChange)> {
        let changes = self.alerts.iter().filter(|(key, _)| key.starts_with(CHANGES));
        changes.filter_map(|(key, row)| Some((change_sequence(key)?, row.change()?))).collect()
    }

    /// Every row of the view.
    pub(crate) fn alert_rows(&self) -> &std::collections::BTreeMap<Vec<u8>, AlertsRow> {
        &self.alerts
    }

    pub(crate) fn quarantined(&self) -> Vec<&Quarantined> {
        let mut all: Vec<&Quarantined> = self.alerts.values().filter_map(AlertsRow::quarantined).collect();
        all.sort_by_key(|one| one.sequence);
        all
    }

    /// The latest alert of a rule, for the current task or the ledger.
    pub(crate) fn latest(&self, rule: &str) -> Alert {
        let rule = AlertRule::from_word(rule).unwrap();
        let of_rule = |alert: &&&Alert| {
            let own = alert.tenant == self.tenant && alert.task == self.task;
            alert.condition.rule == rule && (own || alert.tenant == LEDGER_TENANT)
        };
        (*self.alerts().iter().rfind(of_rule).expect("an alert of that rule")).clone()
    }

    fn deliver(&mut self, rule: &str, change: &str, endpoint: &str, outcome: &str, minutes: Option<&str>) {
        let alert = self.latest(rule).id;
        let change = Change::from_word(change).unwrap();
        let of_it = |(_, known): &&(Sequence, &AlertChange)| {
            let wanted = known.resend.as_ref().and_then(|resend| resend.endpoint.as_deref());
            known.alert == alert && known.change == change && wanted.is_none_or(|wanted| wanted == endpoint)
        };
        let through = self.changes().iter().rfind(of_it).expect("a change").0;
        self.attempt(alert, change, through, endpoint, outcome, minutes);
    }

    fn digest(&mut self, endpoint: &str, outcome: &str) {
        let through = self.changes().last().map_or(Sequence::ZERO, |(sequence, _)| *sequence);
        let minutes = (outcome == "failed").then_some("5");
        self.under_ledger(LEDGER_TENANT, |story| {
            let id = format!("digest-{endpoint}-{}", through.0);
            story.attempt(id, Change::Digest, through, endpoint, outcome, minutes);
        });
    }

    fn attempt(
        &mut self,
        alert: String,
        change: Change,
        through: Sequence,
        endpoint: &str,
        outcome: &str,
        minutes: Option<&str>,
    ) {
        let outcome = DeliveryOutcome::from_word(outcome).unwrap();
        let known = self.alerts.get(&crate::alerts::delivery_key(&alert, change, endpoint));
        let before = if let Some(AlertsRow::Delivery(delivery)) = known { delivery.attempts } else { 0 };
        let taken = outcome == DeliveryOutcome::Delivered;
        let next = |minutes: &str| self.now.plus_millis(minutes.parse::<i64>().unwrap() * 60_000);
        self.append(EventBody::from(DeliveryAttempted {
            alert,
            change,
            through,
            endpoint: endpoint.to_owned(),
            attempt: if outcome == DeliveryOutcome::Skipped { 0 } else { before + 1 },
            outcome,
            status_code: Some(if taken { 204 } else { 503 }),
            error: (!taken).then(|| "the receiver answered 503".to_owned()),
            next_attempt_at: minutes.map(next),
        }));
    }

    fn reject(&mut self, text: &str) {
        let (subject, payload) = ("tollgate.v1.in.default.T-9", text.as_bytes());
        let number = self.events.len() as u64;
        let rejected =
            InboxRejected::new(subject, number, payload, "00".repeat(32), "invalid", "task: is required");
        let (id, tenant) = (rejected.event_id(self.now), self.tenant.clone());
        self.under_ledger(&tenant, |story| {
            story.append_as(
                id.as_str(),
                story.now,
                EventBody::Inbox(InboxEvent::InboxRejected(Box::new(rejected))),
            );
        });
    }

    fn end_quarantine(&mut self, action: &str, nth: usize) {
        let rejection = self.quarantined()[nth - 1].id.clone();
        let resolved = InboxResolved {
            rejection,
            action: QuarantineAction::from_word(action).unwrap(),
            by: "grace".to_owned(),
            reason: "repaired".to_owned(),
        };
        let tenant = self.tenant.clone();
        self.under_ledger(&tenant, |story| {
            story.append(EventBody::Inbox(InboxEvent::InboxResolved(resolved)))
        });
    }
}
