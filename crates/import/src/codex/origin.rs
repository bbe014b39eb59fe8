//! Which thread a rollout belongs to, and which of its lines are copied from which thread.

use std::collections::BTreeMap;

use tollgate_domain::time::Timestamp;

use super::line::SessionMeta;
use crate::family::ROOT;

/// Copied lines are written in one go, at the time of the copy. Anything this much later is the session's
/// own, since a person or a model had to answer first. Even if a faster answer is mistaken for a copy, the
/// total is right.
const COPYING_PAUSE_MS: i64 = 2_000;

/// Which thread the file belongs to.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The thread.
    pub(super) thread: String,
    /// The additional name of a second file of the same thread.
    pub(super) file: Option<String>,
    /// Threads whose lines are copied here, nearest first; the last is the oldest one known.
    pub(super) ancestors: Vec<String>,
    /// Whether the first counters include calls of another file.
    pub(super) goes_on: bool,
    /// The thread those belong to.
    pub(super) goes_on_from: Option<String>,
    /// When it began, according to its head.
    pub(super) begun: Option<Timestamp>,
    pub(super) originator: Option<String>,
    pub(super) model_provider: Option<String>,
    /// The labels of each call of the session.
    pub(super) labels: BTreeMap<String, String>,
    /// Lines with a lower ordinal are copied.
    history_start: Option<u64>,
    copying: Copying,
}

/// Where in a file its copied lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copying {
    /// There are no more.
    Over,
    /// As long as the lines follow each other immediately. Since when, and the latest.
    Until { head: Option<Timestamp>, latest: Option<Timestamp> },
}

impl Origin {
    /// A session without a readable head.
    pub(super) fn named(thread: String) -> Self {
        Self {
            thread,
            file: None,
            ancestors: Vec::new(),
            goes_on: false,
            goes_on_from: None,
            begun: None,
            originator: None,
            model_provider: None,
            labels: BTreeMap::new(),
            history_start: None,
            copying: Copying::Over,
        }
    }

    /// The session of this head, written at this time.
    pub(super) fn of(thread: String, meta: SessionMeta, at: Option<Timestamp>) -> Self {
        let second_file = meta.history_base.as_deref() == Some(&thread);
        let parent = meta.forked_from.clone().filter(|parent| *parent != thread);
        // Newer forks name where they continue from and copy nothing.
        let copies = meta.history_start.is_none()
            && if meta.history_base.is_some() { second_file } else { parent.is_some() };
        let mut root = meta.session.clone().filter(|session| *session != thread && !second_file);
        root = root.or_else(|| parent.clone());
        let label = |name: &str, value: Option<String>| Some((name.to_owned(), value?));
        let labels = [
            label("cwd", meta.cwd),
            label("branch", meta.branch),
            label("agent", meta.agent.or_else(|| meta.is_subagent.then(|| "subagent".to_owned()))),
            label(ROOT, root.map(|root| format!("codex-{root}"))),
        ];
        Self {
            file: meta.session.filter(|session| second_file && *session != thread),
            goes_on: meta.history_base.is_some() || parent.is_some(),
            goes_on_from: meta.history_base.or_else(|| parent.clone()),
            begun: at,
            ancestors: parent.filter(|_| copies).into_iter().collect(),
            originator: meta.originator,
            model_provider: meta.model_provider,
            labels: labels.into_iter().flatten().filter(|(_, value)| is_label(value)).collect(),
            history_start: meta.history_start,
            copying: if copies { Copying::Until { head: at, latest: at } } else { Copying::Over },
            thread,
        }
    }

    /// Handles a further head: of the session itself, or of one whose lines are copied here.
    pub(super) fn further(&mut self, thread: &str, at: Option<Timestamp>, own_calls: bool) {
        if thread == self.thread || own_calls || self.history_start.is_some() {
            return;
        }
        if self.copying == Copying::Over {
            self.copying = Copying::Until { head: at, latest: at };
        }
        if !self.ancestors.iter().any(|known| known == thread) {
            self.ancestors.push(thread.to_owned());
        }
    }

    /// Whether a line is below those of the session itself.
    pub(super) fn is_history(&self, ordinal: Option<u64>) -> bool {
        self.history_start.zip(ordinal).is_some_and(|(start, ordinal)| ordinal < start)
    }

    /// Handles a line's time and place; returns whether it is copied.
    pub(super) fn copies(&mut self, at: Option<Timestamp>, ordinal: Option<u64>) -> bool {
        if let (Some(start), Some(ordinal)) = (self.history_start, ordinal) {
            return ordinal < start;
        }
        let Copying::Until { head, latest } = self.copying else { return false };
        let Some(at) = at else { return true };
        let before_head = head.is_some_and(|head| at < head);
        let follows = latest.is_none_or(|latest| at.millis_since(latest) < COPYING_PAUSE_MS);
        if !before_head && !follows {
            self.copying = Copying::Over;
            return false;
        }
        // Lines that keep their old times say nothing about how fast they were written.
        if !before_head {
            self.copying = Copying::Until { head, latest: latest.max(Some(at)) };
        }
        true
    }
}

/// Whether a text may be a label's value.
pub(crate) fn is_label(text: &str) -> bool {
    !text.trim().is_empty()
        && text.len() <= tollgate_domain::metadata::MAX_TEXT_BYTES
        && !text.chars().any(char::is_control)
}
