//! Reads one transcript line by line: which calls it reports, each with its best report. Pure except for the
//! small file next to a sub-agent's that names its kind.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use memchr::memmem;
use serde_json::error::Category;
use tollgate_domain::event::{Event, EventBody, UsageEvent};
use tollgate_domain::ids::{EventId, ProducerId, TenantId};
use tollgate_domain::time::Timestamp;
use tollgate_domain::units::UnitCounts;
use tollgate_domain::usage::{Cost, UsageRecorded};

use super::arrange::root_of;
use super::line::{Read, is_quiet, is_true, word};
use super::reported::Reported;
use super::tools::Course;
use crate::call::Call;
use crate::codex::{bad_field, is_label, shortened};
use crate::family::{Family, ROOT};
use crate::item::{Item, NoteKind, ProblemKind};
use crate::lines::Interest;
use crate::reader::{Findings, Session};
use crate::settle;

/// The producer of events from Claude Code's sessions.
pub const PRODUCER: &str = "import-claude";

/// The provider of the models.
const PROVIDER: &str = "anthropic";

/// Appears in every line with usage, outside of text: `input_tokens`, or `inputTokens` in an unknown kind of line.
const WORD: &[u8] = b"okens\"";

/// Number of calls kept open for further reports. A call's lines are consecutive, except for tool results
/// between them.
const OPEN_CALLS: usize = 64;

/// What is known about a transcript so far.
#[derive(Debug)]
pub(crate) struct Transcript {
    path: PathBuf,
    tenant: TenantId,
    producer: ProducerId,
    /// The kind of sub-agent that wrote the file.
    agent: Option<String>,
    /// The id of the first line, once it has been read.
    root: Option<String>,
    family_said: bool,
    open: VecDeque<Call>,
    snapshots: u64,
    calls: u64,
    unknown: Vec<String>,
    reported: Reported,
    /// What calls did, if it is asked for.
    course: Option<Course>,
}

impl Session for Transcript {
    fn interest(&self) -> Interest {
        Interest { passes_over: |_| false, word: WORD }
    }

    fn take(&mut self, number: u64, bytes: &[u8], ended: bool, out: &mut Findings) {
        let may_matter = memmem::find(bytes, WORD).is_some();
        if !may_matter && ended && self.root.is_some() && self.course.is_none() {
            return;
        }
        match Read::of(bytes) {
            Ok(read) => self.line(number, &read, may_matter, out),
            Err(error) if !ended && error.classify() == Category::Eof => {
                // What a truncated line would have said is unknown, unless it identifies itself as something
                // other than an answer.
                if memmem::find(bytes, br#""type":"user""#).is_some() {
                    out.note(Some(number), NoteKind::StillBeingWritten);
                } else {
                    out.problem(number, ProblemKind::TornEnd);
                }
            }
            Err(error) if may_matter || self.root.is_none() => {
                let text = error.to_string();
                let message = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]).to_owned();
                out.problem(number, ProblemKind::BadJson { column: error.column().max(1), message });
            }
            Err(_) => {}
        }
    }

    fn finish(&mut self, out: &mut Findings) {
        for call in std::mem::take(&mut self.open) {
            self.give(call, out);
        }
        for (number, problem) in std::mem::take(&mut self.reported).missing(&self.path) {
            out.problem(number, problem);
        }
    }

    fn snapshots(&self) -> (u64, u64) {
        (self.snapshots, self.calls)
    }
}

impl Transcript {
    pub(crate) fn new(path: &Path, tenant: &TenantId) -> Self {
        let is_subagent = path.parent().is_some_and(|parent| parent.ends_with("subagents"));
        Self {
            path: path.to_owned(),
            tenant: tenant.clone(),
            producer: ProducerId::new(PRODUCER).expect("a short word keeps the rules of a producer id"),
            agent: is_subagent.then(|| agent_of(path)),
            // The first line of a sub-agent's file says nothing about the session.
            root: is_subagent.then(|| root_of(path)).flatten(),
            family_said: false,
            open: VecDeque::new(),
            snapshots: 0,
            calls: 0,
            unknown: Vec::new(),
            reported: Reported::default(),
            course: None,
        }
    }

    /// Reads what calls did, too.
    pub(crate) fn with_activity(mut self) -> Self {
        self.course = Some(Course::default());
        self
    }

    fn line(&mut self, number: u64, read: &Read<'_>, may_matter: bool, out: &mut Findings) {
        if self.root.is_none() {
            self.root = word(read.uuid);
        }
        if !may_matter && self.course.is_none() {
            return;
        }
        let kind = word(read.kind).unwrap_or_default();
        if let Some(course) = &mut self.course {
            course.note(&kind, read);
        }
        if !may_matter {
            return;
        }
        if let Some((agent, call)) = read.reported_call() {
            self.reported.add(agent, call, number);
        }
        if kind != "assistant" {
            if !is_quiet(&kind) {
                self.say(number, ProblemKind::UnknownKind { kind: shortened(&kind) }, out);
            }
            return;
        }
        if is_true(read.is_error) {
            return;
        }
        let message = read.message();
        let mut problems = Vec::new();
        let usage = message.usage(&mut problems);
        for problem in problems {
            self.say(number, problem, out);
        }
        let usage = match usage {
            None => return,
            Some(Ok(usage)) => usage,
            Some(Err(problem)) => return out.problem(number, problem),
        };
        self.snapshots += 1;
        self.reported.is_here(word(read.agent));
        let model = word(message.model).filter(|model| is_label(model));
        // Claude Code's own messages are not calls.
        if model.as_deref() == Some("<synthetic>") {
            return;
        }
        if let Err(error) = usage.tokens.check() {
            return out.problem(number, ProblemKind::AbsurdCount { error });
        }
        let body = UsageRecorded {
            context: None,
            counts_as: None,
            execution: None,
            provider: Some(PROVIDER.to_owned()),
            model,
            component: Some("claude-code".to_owned()),
            request_id: None,
            service_tier: usage.tier.filter(|tier| is_label(tier)),
            allocation: None,
            labels: self.labels(read, usage.region, usage.searches),
            tokens: usage.tokens,
            units: UnitCounts::default(),
            estimated: false,
            cost: Cost::Unpriced,
        };
        match self.event(read, word(message.id), body) {
            Ok(event) => {
                let is_own = self.agent.is_none() && !is_true(read.is_sidechain);
                let course = self.course.as_mut();
                let activity = course.map(|course| course.of_call(&message, is_own)).unwrap_or_default();
                self.report(Call { activity, ..Call::new(event) }, out);
            }
            Err(problem) => out.problem(number, problem),
        }
    }

    fn event(
        &self,
        read: &Read<'_>,
        message: Option<String>,
        mut body: UsageRecorded,
    ) -> Result<Event, ProblemKind> {
        const TIME: &str = "must be RFC 3339, for example 2026-11-21T08:30:00Z; the line is skipped";
        const ID: &str = "must be text that fits an event id; the line is skipped";
        const SESSION: &str = "must be text that fits a task id; the line is skipped";
        let at: Option<Timestamp> = word(read.timestamp).and_then(|text| text.parse().ok());
        let at = at.ok_or_else(|| bad_field("timestamp", read.timestamp, TIME))?;
        let key = message.or_else(|| word(read.request)).or_else(|| word(read.uuid));
        let key = key.ok_or(ProblemKind::NoCallId)?;
        let id = EventId::new(format!("claude:{key}"));
        let id =
            id.map_err(|error| ProblemKind::BadField { field: "message.id", value: error.value, rule: ID })?;
        body.request_id = Some(key);
        let task = self.session(read).and_then(|session| Family::task_of(&session));
        Ok(Event {
            tenant: self.tenant.clone(),
            task: task.ok_or_else(|| bad_field("sessionId", read.session, SESSION))?,
            producer: self.producer.clone(),
            id,
            occurred_at: Some(at),
            trace_parent: None,
            body: EventBody::Usage(UsageEvent::UsageRecorded(body)),
        })
    }

    fn session(&self, read: &Read<'_>) -> Option<String> {
        word(read.session).or_else(|| Some(self.path.file_stem()?.to_str()?.to_owned()))
    }

    fn labels(
        &self,
        read: &Read<'_>,
        region: Option<String>,
        searches: Option<String>,
    ) -> BTreeMap<String, String> {
        let agent = self.agent.clone().or_else(|| word(read.agent));
        let side = is_true(read.is_sidechain);
        let agent = agent.or_else(|| side.then(|| "subagent".to_owned()));
        let conversation = self.root.clone();
        // A sub-agent's calls belong to its session, unless the session is a fork.
        let root = agent.as_ref().and_then(|_| Family::task_of(&self.session(read)?));
        [
            ("cwd", word(read.cwd)),
            ("branch", word(read.branch)),
            ("agent", agent),
            ("conversation", conversation),
            (ROOT, root.map(|root| root.to_string())),
            ("inference_geo", region),
            ("web_searches", searches),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.filter(|value| is_label(value))?)))
        .collect()
    }

    /// Adds one report of a call; the best of several nearby reports is kept.
    fn report(&mut self, call: Call, out: &mut Findings) {
        let name = call.name();
        if let Some(open) = self.open.iter_mut().find(|open| open.name() == name) {
            return settle::merge(open, call);
        }
        self.calls += 1;
        self.open.push_back(call);
        if self.open.len() > OPEN_CALLS
            && let Some(oldest) = self.open.pop_front()
        {
            self.give(oldest, out);
        }
    }

    fn give(&mut self, call: Call, out: &mut Findings) {
        let task = &call.event.task;
        if let (false, Some(root)) = (self.family_said, &self.root)
            && let Some(session) = task.as_str().strip_prefix("claude-")
        {
            self.family_said = true;
            let (root, session) = (root.clone(), session.to_owned());
            out.push(Item::Family(Box::new(Family { root, session })));
        }
        out.push(Item::Call(Box::new(call)));
    }

    /// Reports a problem; one that applies to many lines is reported for the first.
    fn say(&mut self, number: u64, problem: ProblemKind, out: &mut Findings) {
        let name = problem.to_string();
        let name = name.split(" is ").next().unwrap_or_default().to_owned();
        if !self.unknown.contains(&name) {
            self.unknown.push(name);
            out.problem(number, problem);
        }
    }
}

/// The kind of a sub-agent, as named by the small file next to its own, otherwise its file's name.
fn agent_of(path: &Path) -> String {
    let meta = std::fs::read(path.with_extension("meta.json")).ok();
    let meta: Option<serde_json::Value> = meta.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let kind = meta.and_then(|meta| meta.get("agentType")?.as_str().map(str::to_owned));
    let name = || path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    kind.filter(|kind| is_label(kind)).unwrap_or_else(name)
}
