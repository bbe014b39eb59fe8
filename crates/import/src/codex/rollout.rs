//! Reads one rollout line by line: its thread, the current model, the calls it reports. Pure: lines in, items out.

mod activity;
mod event;
mod remarks;

use std::path::{Path, PathBuf};

use serde_json::error::Category;
use tollgate_domain::ids::{ProducerId, TenantId};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;

use super::before::Before;
use super::counters::{Counting, Step, Used};
use super::keys::{self, Key};
use super::kinds;
use super::line::{self, LineError, Meaning, Read, SessionMeta, Usage, UsageRecord};
use super::names::names;
use super::origin::Origin;
use crate::call::Call;
use crate::item::{NoteKind, ProblemKind};
use crate::lines::Interest;
use crate::reader::{Findings, Session};
use activity::Attribution;

/// The producer of events from Codex sessions.
pub const PRODUCER: &str = "import-codex";

/// What is known about a session so far.
#[derive(Debug)]
pub(crate) struct Rollout {
    path: PathBuf,
    tenant: TenantId,
    producer: ProducerId,
    /// Set by the first `session_meta` or the first usage, whichever comes first, and then kept: a key must
    /// not depend on what follows.
    origin: Option<Origin>,
    model: Option<String>,
    tier: Option<String>,
    counting: Counting,
    before: Before,
    /// The latest call, until the line that says how earlier versions counted it.
    pending: Option<Pending>,
    /// The key of the first own call: if the ledger has no copy of it, it has none of the others.
    first_own: Option<Key>,
    copied: (u64, u64),
    snapshots: u64,
    calls: u64,
    said: Said,
    /// What calls did, if it is asked for.
    activity: Option<Box<Attribution>>,
}

#[derive(Debug)]
struct Pending {
    call: Call,
    copied: bool,
    tokens: TokenCounts,
}

/// Which once-per-file messages were already reported.
#[derive(Debug, Default)]
struct Said {
    no_session_id: bool,
    no_model: bool,
    total_differs: bool,
    unknown: Vec<String>,
}

impl Session for Rollout {
    fn interest(&self) -> Interest {
        if self.activity.is_some() { kinds::WITH_ACTIVITY } else { kinds::INTEREST }
    }

    fn take(&mut self, number: u64, bytes: &[u8], ended: bool, out: &mut Findings) {
        if self.activity.is_some() {
            self.note_activity(bytes);
            if kinds::is_passed_over(bytes) {
                return;
            }
        }
        let mut problems = Vec::new();
        let read = line::read(bytes, &mut problems);
        for problem in problems {
            self.say(number, problem, out);
        }
        match read {
            Ok(read) => self.meaning(number, read, out),
            Err(LineError::Json(error)) if !ended && error.classify() == Category::Eof => {
                if line::may_report_usage(bytes) {
                    out.problem(number, ProblemKind::TornEnd);
                } else {
                    out.note(Some(number), NoteKind::StillBeingWritten);
                }
            }
            Err(LineError::Json(error)) => out.problem(number, bad_json(&error)),
            Err(LineError::Field(problem)) => self.say(number, problem, out),
        }
    }

    fn finish(&mut self, out: &mut Findings) {
        self.flush(out);
        self.release(out);
        let (calls, tokens) = self.copied;
        if let Some(origin) = self.origin.as_ref().filter(|_| calls > 0) {
            let of = origin.ancestors.last().unwrap_or(&origin.thread).clone();
            out.note(None, NoteKind::Copied { calls, tokens, of });
        }
    }

    fn snapshots(&self) -> (u64, u64) {
        (self.snapshots, self.calls)
    }
}

impl Rollout {
    pub(crate) fn new(path: &Path, tenant: &TenantId) -> Self {
        Self {
            path: path.to_owned(),
            tenant: tenant.clone(),
            producer: ProducerId::new(PRODUCER).expect("a short word keeps the rules of a producer id"),
            origin: None,
            model: None,
            tier: None,
            counting: Counting::default(),
            before: Before::default(),
            pending: None,
            first_own: None,
            copied: (0, 0),
            snapshots: 0,
            calls: 0,
            said: Said::default(),
            activity: None,
        }
    }

    /// Reports a problem; one that applies to many lines is reported for the first.
    fn say(&mut self, number: u64, problem: ProblemKind, out: &mut Findings) {
        if let ProblemKind::UnknownKind { kind: name } | ProblemKind::UnknownCounter { field: name, .. } =
            &problem
        {
            if self.said.unknown.contains(name) {
                return;
            }
            self.said.unknown.push(name.clone());
        }
        out.problem(number, problem);
    }

    fn meaning(&mut self, number: u64, read: Read<'_>, out: &mut Findings) {
        let at = read.timestamp();
        if let Meaning::Session(meta) = read.meaning {
            return self.head(number, *meta, at.ok(), out);
        }
        let copied = match &mut self.origin {
            Some(origin) => origin.copies(at.as_ref().ok().copied(), read.ordinal),
            None => false,
        };
        match read.meaning {
            Meaning::Session(_) | Meaning::Nothing => {}
            Meaning::Model(model) => self.model = model,
            Meaning::Tier(tier) => self.tier = tier,
            Meaning::Count(usage) => self.count(number, &usage, at, copied, out),
            Meaning::Record(record) => self.record(number, record, at, copied, out),
        }
    }

    fn head(&mut self, number: u64, meta: SessionMeta, at: Option<Timestamp>, out: &mut Findings) {
        let id = meta.id.clone().filter(|id| match keys::check(id) {
            Ok(()) => true,
            Err(error) => {
                let rule = "must be short enough for a task id and an event id; it is left out";
                out.problem(number, ProblemKind::BadField { field: "payload.id", value: error.value, rule });
                false
            }
        });
        match (&mut self.origin, id) {
            (Some(origin), Some(id)) => {
                if origin.thread == id {
                    origin.originator = origin.originator.take().or(meta.originator);
                    origin.model_provider = origin.model_provider.take().or(meta.model_provider);
                } else {
                    origin.further(&id, at, self.first_own.is_some());
                }
            }
            (Some(_), None) => {}
            // A head without a readable id: do not use the next head's, which may be the parent's.
            (None, id) => {
                let id = id.or_else(|| named(&self.path));
                self.origin = id.map(|id| Origin::of(id, meta, at));
            }
        }
    }

    /// Where the usage belongs: from the head, otherwise from the file's name.
    fn origin(&mut self, number: u64, out: &mut Findings) -> Option<&Origin> {
        if self.origin.is_none() {
            if let Some(id) = named(&self.path) {
                out.note(Some(number), NoteKind::SessionIdFromFileName { id: id.clone() });
                self.origin = Some(Origin::named(id));
            } else if !self.said.no_session_id {
                self.said.no_session_id = true;
                out.problem(number, ProblemKind::NoSessionId);
            }
        }
        self.origin.as_ref()
    }

    /// Applies cumulative counters. An unusable line leaves the state unchanged, so that the next one counts
    /// what it would have counted.
    fn count(
        &mut self,
        number: u64,
        usage: &Usage,
        at: Result<Timestamp, ProblemKind>,
        copied: bool,
        out: &mut Findings,
    ) {
        self.snapshots += 1;
        let goes_on = self.origin.as_ref().is_some_and(|origin| origin.goes_on);
        if let Some(step) = self.counting.step(&usage.total, usage.last.as_ref(), goes_on)
            && self.take_step(number, &step, &at, copied, out)
        {
            self.explain(number, usage, &step, out);
        }
        self.as_counted_before(usage, at.ok(), out);
    }

    /// Applies what a line adds; false if it cannot be used.
    fn take_step(
        &mut self,
        number: u64,
        step: &Step,
        at: &Result<Timestamp, ProblemKind>,
        copied: bool,
        out: &mut Findings,
    ) -> bool {
        if !step.used.is_empty() {
            if self.origin(number, out).is_none() {
                return false;
            }
            let at = match at {
                Ok(at) => *at,
                Err(problem) => {
                    out.problem(number, problem.clone());
                    return false;
                }
            };
            let too_many = step.used.iter().find_map(|used| used.counters.tokens().0.check().err());
            if let Some(error) = too_many {
                out.problem(number, ProblemKind::AbsurdCount { error });
                return false;
            }
            self.counting = step.after;
            for used in &step.used {
                self.book(number, used, None, at, copied, out);
            }
        }
        self.counting = step.after;
        true
    }

    fn record(
        &mut self,
        number: u64,
        record: UsageRecord,
        at: Result<Timestamp, ProblemKind>,
        copied: bool,
        out: &mut Findings,
    ) {
        self.snapshots += 1;
        self.check_total(number, record.used.whole(), record.total_tokens, out);
        let Some(thread) = self.origin(number, out).map(|origin| origin.thread.clone()) else { return };
        let at = match at {
            Ok(at) => at,
            Err(problem) => return out.problem(number, problem),
        };
        let other = record.thread.filter(|named| *named != thread && keys::check(named).is_ok());
        let copied = copied || other.is_some();
        if let (Some(other), Some(origin)) = (other, &mut self.origin)
            && !origin.ancestors.contains(&other)
        {
            origin.ancestors.push(other);
        }
        // Earlier calls that no line reports, and the counters of another file that it continues from.
        let mut used = self.counting.used_here(record.used);
        if let Some(total) = record.total {
            let goes_on = self.origin.as_ref().is_some_and(|origin| origin.goes_on);
            let Some(mut step) = self.counting.step(&total, Some(&record.used), goes_on) else {
                // The counters already include it, under the key that they gave it.
                return;
            };
            if let Some(last) = step.used.pop() {
                used = last;
            }
            if !self.take_step(number, &step, &Ok(at), copied, out) {
                return;
            }
            self.say_step(number, &step, total.whole(), out);
        } else {
            self.counting = self.counting.after(&used);
        }
        if let Err(error) = used.counters.tokens().0.check() {
            return out.problem(number, ProblemKind::AbsurdCount { error });
        }
        self.book(number, &used, record.response, at, copied, out);
    }

    /// One call.
    fn book(
        &mut self,
        number: u64,
        used: &Used,
        response: Option<String>,
        at: Timestamp,
        copied: bool,
        out: &mut Findings,
    ) {
        self.flush(out);
        let Some(origin) = &self.origin else { return };
        let file = origin.file.as_deref().filter(|_| !copied && !used_goes_on(&self.counting, origin));
        let key = match &response {
            Some(response) => Key::Response(response.clone()),
            None => Key::of_counters(used, file),
        };
        let copied = copied && !origin.ancestors.is_empty();
        let first = (!copied).then(|| &*self.first_own.get_or_insert_with(|| key.clone()));
        let Some((name, elsewhere)) = names(origin, &key, first) else {
            let rule = "must be short enough for an event id; the call is not counted";
            let value = format!("{key:?}");
            return out.problem(number, ProblemKind::BadField { field: "payload.response_id", value, rule });
        };
        let (tokens, out_of_step) = used.counters.tokens();
        for (part, whole, reported, counted) in out_of_step {
            out.note(Some(number), NoteKind::PartOutOfStep { part, whole, reported, counted });
        }
        if self.model.is_none() && !self.said.no_model {
            self.said.no_model = true;
            out.note(Some(number), NoteKind::NoModel);
        }
        if used.unreported {
            out.note(Some(number), NoteKind::Unreported { tokens: used.counters.total() });
        }
        if copied {
            self.copied.0 += 1;
            self.copied.1 = self.copied.1.saturating_add(tokens.total());
        }
        self.calls += 1;
        let event = self.event(origin, name, response, at, tokens);
        let reported = self.activity.as_mut().filter(|_| !used.unreported);
        let activity = reported.map(|attribution| attribution.of_next_call()).unwrap_or_default();
        let call = Call { event, elsewhere, stands_in: copied, activity };
        self.pending = Some(Pending { call, copied, tokens });
    }
}

/// A second file of a thread whose counters continue from the first needs no name of its own in its keys.
fn used_goes_on(counting: &Counting, origin: &Origin) -> bool {
    origin.goes_on && counting.went_on()
}

fn named(path: &Path) -> Option<String> {
    keys::thread_in_name(path).filter(|id| keys::check(id).is_ok())
}

fn bad_json(error: &serde_json::Error) -> ProblemKind {
    let text = error.to_string();
    // The parser saw only one line: its line number is always 1 and would be misleading.
    let message = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]).to_owned();
    ProblemKind::BadJson { column: error.column().max(1), message }
}
