//! One session as its lines come: whose it is, which model speaks, what was counted. Pure: lines in, items out.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use serde_json::error::Category;
use tollgate_domain::event::{Event, EventBody};
use tollgate_domain::ids::{EventId, InvalidId, ProducerId, TaskId, TenantId};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::usage::{Cost, UsageRecorded};

use super::growth::{Counted, Step};
use super::line::{self, LineError, Meaning, SessionMeta, Usage};
use crate::item::{Item, Note, NoteKind, Problem, ProblemKind};
use crate::lines::{Content, Line};

/// Who appends the events of Codex sessions.
pub const PRODUCER: &str = "import-codex";

/// Who serves the model, where the session does not say: Codex's own default.
const DEFAULT_PROVIDER: &str = "openai";

/// What is known of the session so far.
#[derive(Debug)]
pub(super) struct Session {
    path: PathBuf,
    tenant: TenantId,
    producer: ProducerId,
    /// Decided by the first `session_meta` or the first usage, whichever comes first, and then kept: an event's id must
    /// not depend on what follows.
    identity: Option<Identity>,
    originator: Option<String>,
    model_provider: Option<String>,
    model: Option<String>,
    counted: Counted,
    /// Ordinal of the latest snapshot that grew.
    ordinal: u64,
    snapshots: u64,
    resets: u64,
    said: Said,
    out: VecDeque<Item>,
}

#[derive(Clone, Debug)]
struct Identity {
    session: String,
    task: TaskId,
}

/// What is said once per file was said.
#[derive(Debug, Default)]
struct Said {
    no_session_id: bool,
    other_session: bool,
    no_model: bool,
    total_differs: bool,
}

impl Session {
    pub(super) fn new(path: &Path, tenant: &TenantId) -> Self {
        Self {
            path: path.to_owned(),
            tenant: tenant.clone(),
            producer: ProducerId::new(PRODUCER).expect("a short word keeps the rules of a producer id"),
            identity: None,
            originator: None,
            model_provider: None,
            model: None,
            counted: Counted::default(),
            ordinal: 0,
            snapshots: 0,
            resets: 0,
            said: Said::default(),
            out: VecDeque::new(),
        }
    }

    /// The next item that the lines so far gave.
    pub(super) fn pop(&mut self) -> Option<Item> {
        self.out.pop_front()
    }

    /// Snapshots that could be read, and those that grew.
    pub(super) fn snapshots(&self) -> (u64, u64) {
        (self.snapshots, self.ordinal)
    }

    /// Takes the next line.
    pub(super) fn take(&mut self, line: Line<'_>) {
        let number = line.number;
        let text = match line.content {
            Content::Text(text) if text.trim_ascii().is_empty() => return,
            Content::Text(text) => text,
            // A character that is cut in two at the end of the file is an end that is still being written.
            Content::NotUtf8 { .. } if !line.ended => {
                return self.note(Some(number), NoteKind::StillBeingWritten);
            }
            Content::NotUtf8 { column } => return self.problem(number, ProblemKind::NotUtf8 { column }),
            Content::TooLong { bytes, cap } => {
                return self.problem(number, ProblemKind::LineTooLong { bytes, cap });
            }
        };
        let mut problems = Vec::new();
        let meaning = line::read(text, &mut problems);
        for problem in problems {
            self.problem(number, problem);
        }
        match meaning {
            Ok(Meaning::Session(meta)) => self.head(number, meta),
            Ok(Meaning::Model(model)) => self.model = model,
            Ok(Meaning::Usage(usage)) => self.usage(number, &usage),
            Ok(Meaning::Nothing) => {}
            Err(LineError::Json(error)) if !line.ended && error.classify() == Category::Eof => {
                self.note(Some(number), NoteKind::StillBeingWritten);
            }
            Err(LineError::Json(error)) => self.problem(number, bad_json(&error)),
            Err(LineError::Field(problem)) => self.problem(number, problem),
        }
    }

    pub(super) fn note(&mut self, line: Option<u64>, what: NoteKind) {
        self.out.push_back(Item::Note(Note { path: self.path.clone(), line, what }));
    }

    fn problem(&mut self, number: u64, what: ProblemKind) {
        self.out.push_back(Item::Problem(Problem { path: self.path.clone(), line: Some(number), what }));
    }

    /// Takes the head of the session. Only the first counts: a fork's file goes on with the head of its parent.
    fn head(&mut self, number: u64, meta: SessionMeta) {
        let id = meta.id.as_deref().and_then(|id| match identity(id) {
            Ok(identity) => Some(identity),
            Err(error) => {
                let rule = "must be short enough for a task id and an event id; it is left out";
                let value = error.value;
                self.problem(number, ProblemKind::BadField { field: "payload.id", value, rule });
                None
            }
        });
        if let (Some(mine), Some(other)) = (&self.identity, &id)
            && mine.session != other.session
        {
            if !self.said.other_session {
                self.said.other_session = true;
                let (session, other) = (mine.session.clone(), other.session.clone());
                self.note(Some(number), NoteKind::OtherSession { session, other });
            }
            return;
        }
        self.originator = self.originator.take().or(meta.originator);
        self.model_provider = self.model_provider.take().or(meta.model_provider);
        if self.identity.is_none() {
            // A head without a readable id: not the next head's, which may be the parent's.
            self.identity = id.or_else(|| session_in_name(&self.path).and_then(|id| identity(&id).ok()));
            if let (Some(mine), Some(parent)) = (&self.identity, meta.forked_from) {
                self.said.other_session = true;
                let session = mine.session.clone();
                self.note(Some(number), NoteKind::Fork { session, parent });
            }
        }
    }

    /// Takes a snapshot. One that cannot be used leaves the state as it is, so that the next one counts the growth.
    fn usage(&mut self, number: u64, usage: &Usage<'_>) {
        self.snapshots += 1;
        let Some(step) = self.counted.step(&usage.snapshot) else { return };
        if step.grows() {
            let Some(identity) = self.identity(number) else { return };
            let occurred_at = match usage.timestamp() {
                Ok(time) => time,
                Err(problem) => return self.problem(number, problem),
            };
            if let Err(error) = step.tokens.check() {
                return self.problem(number, ProblemKind::AbsurdCount { error });
            }
            self.ordinal += 1;
            let id = event_id(&identity.session, self.ordinal)
                .expect("the id was tried with the largest ordinal when the session's id was taken");
            self.explain(number, usage, &step);
            let event = self.event(identity.task, id, occurred_at, step.tokens);
            self.out.push_back(Item::Event(Box::new(event)));
        } else {
            self.explain(number, usage, &step);
        }
        self.counted = step.after;
    }

    /// Whose usage it is: from the head, else from the file's name.
    fn identity(&mut self, number: u64) -> Option<Identity> {
        if self.identity.is_none() {
            let named = session_in_name(&self.path).and_then(|id| identity(&id).ok());
            if let Some(identity) = named {
                let id = identity.session.clone();
                self.note(Some(number), NoteKind::SessionIdFromFileName { id });
                self.identity = Some(identity);
            } else if !self.said.no_session_id {
                self.said.no_session_id = true;
                self.problem(number, ProblemKind::NoSessionId);
            }
        }
        self.identity.clone()
    }

    fn event(&self, task: TaskId, id: EventId, occurred_at: Timestamp, tokens: TokenCounts) -> Event {
        let provider = self.model_provider.as_deref().unwrap_or(DEFAULT_PROVIDER);
        Event {
            tenant: self.tenant.clone(),
            task,
            producer: self.producer.clone(),
            id,
            occurred_at: Some(occurred_at),
            trace_parent: None,
            body: EventBody::UsageRecorded(UsageRecorded {
                execution: None,
                provider: Some(provider.to_owned()),
                model: self.model.clone(),
                component: self.originator.clone(),
                request_id: None,
                service_tier: None,
                labels: std::collections::BTreeMap::new(),
                tokens,
                estimated: false,
                cost: Cost::Unpriced,
            }),
        }
    }

    /// Says what is unusual about a snapshot that counts.
    fn explain(&mut self, number: u64, usage: &Usage<'_>, step: &Step) {
        let now = &usage.snapshot;
        if let Some(before) = step.reset_from {
            self.resets += 1;
            let what =
                NoteKind::Reset { input: (before.input, now.input), output: (before.output, now.output) };
            self.note(Some(number), what);
        }
        for (part, whole, reported, counted) in [
            ("cached_input_tokens", "input_tokens", now.cached, step.cached_out_of_step),
            ("reasoning_output_tokens", "output_tokens", now.reasoning, step.reasoning_out_of_step),
        ] {
            if let Some(counted) = counted {
                self.note(Some(number), NoteKind::PartOutOfStep { part, whole, reported, counted });
            }
        }
        // After a reset by a context overflow Codex keeps a total of its own, so it proves nothing any more.
        let sum = u128::from(now.input) + u128::from(now.output);
        if let Some(total) = usage.total
            && u128::from(total) != sum
            && self.resets == 0
            && !self.said.total_differs
        {
            self.said.total_differs = true;
            self.note(Some(number), NoteKind::TotalDiffers { total, sum });
        }
        if step.grows() && self.model.is_none() && !self.said.no_model {
            self.said.no_model = true;
            self.note(Some(number), NoteKind::NoModel);
        }
    }
}

/// The names that a session's events carry, tried with the longest event id that can come.
fn identity(session: &str) -> Result<Identity, InvalidId> {
    event_id(session, u64::MAX)?;
    Ok(Identity { session: session.to_owned(), task: TaskId::new(format!("codex-{session}"))? })
}

fn event_id(session: &str, ordinal: u64) -> Result<EventId, InvalidId> {
    EventId::new(format!("codex:{session}:{ordinal}"))
}

/// The session's id in `rollout-<time>-<uuid>.jsonl`.
pub(super) fn session_in_name(path: &Path) -> Option<String> {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let stem = path.file_stem()?.to_str()?.strip_prefix("rollout-")?;
    let (_time, id) = stem.split_at_checked(stem.len().checked_sub(37)?)?;
    let id = id.strip_prefix('-')?;
    let groups: Vec<&str> = id.split('-').collect();
    let hex = |group: &&str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_uuid = groups.iter().map(|group| group.len()).eq(GROUPS) && groups.iter().all(hex);
    is_uuid.then(|| id.to_owned())
}

fn bad_json(error: &serde_json::Error) -> ProblemKind {
    let text = error.to_string();
    // The parser saw one line only: its line number is always 1 and would mislead.
    let message = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]).to_owned();
    ProblemKind::BadJson { column: error.column().max(1), message }
}
