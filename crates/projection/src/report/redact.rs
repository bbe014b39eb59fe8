//! A task without names: reports about it can be shown to people who must not know whose it is.
//!
//! Names of tasks, tenants, people and producers are replaced by pseudonyms, the same in every report made
//! with the same key; sentences written by people are left out. The row is redacted before anything is made
//! from it, so that no report format can forget a field.

use std::collections::BTreeMap;

use tollgate_domain::phase::Phase;
use tollgate_domain::tier::ImportanceSource;
use tollgate_domain::usage::NamedExecution;

use super::named::Named;
use crate::status::{Activity, Closed, Explanation, ImportanceChange, MarkedAs, Opened, Override, TaskRow};

/// Replaces sentences that people wrote.
const LEFT_OUT: &str = "[redacted]";

/// Names of at least this length are also replaced inside words.
const LONG: usize = 4;

/// Phases whose names reveal nothing about anyone: those of the built-in config.
const KNOWN_PHASES: [&str; 9] =
    ["STRATEGIZE", "SPEC", "PLAN", "THINK", "IMPLEMENT", "VERIFY", "REVIEW", "PR", "MONITOR"];

/// Creates pseudonyms: a keyed hash, so that someone who knows a name but not the key cannot find it by trial.
#[derive(Clone)]
pub struct Pseudonyms {
    key: [u8; 32],
}

impl Pseudonyms {
    /// From a secret key.
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The pseudonym of a name of some kind; 48 bits of the hash.
    #[must_use]
    pub fn of(&self, kind: &str, name: &str) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(kind.as_bytes()).update(&[0]).update(name.as_bytes());
        let hex = hasher.finalize().to_hex();
        format!("{kind}-{}", hex.get(..12).unwrap_or_default())
    }

    fn person(&self, name: &str) -> String {
        self.of("person", name)
    }
}

/// A task under pseudonyms.
#[derive(Clone, Debug)]
pub struct Redacted {
    tenant: String,
    task: String,
    row: TaskRow,
    degraded: bool,
}

impl Redacted {
    /// The task without its names.
    #[must_use]
    pub fn of(named: Named<'_>, pseudonyms: &Pseudonyms) -> Self {
        let tenant = pseudonyms.of("tenant", named.tenant);
        // Two tenants may use the same task name.
        let task = pseudonyms.of("task", &format!("{}\0{}", named.tenant, named.task));
        let mut row = named.row.clone();
        let scrub = Scrub::of(named, &task, &tenant, pseudonyms);
        redact_people(&mut row, pseudonyms);
        redact_sentences(&mut row, &scrub);
        redact_phases(&mut row, pseudonyms);
        Self { tenant, task, row, degraded: named.degraded }
    }

    /// The input of reports.
    #[must_use]
    pub fn named(&self) -> Named<'_> {
        Named { tenant: &self.tenant, task: &self.task, row: &self.row, degraded: self.degraded }
    }
}

/// By the pseudonyms of producers.
fn redacted(skews: BTreeMap<String, i64>, pseudonyms: &Pseudonyms) -> BTreeMap<String, i64> {
    skews.into_iter().map(|(name, ms)| (pseudonyms.of("producer", &name), ms)).collect()
}

fn redact_people(row: &mut TaskRow, pseudonyms: &Pseudonyms) {
    let left_out = || LEFT_OUT.to_owned();
    // Every field is listed: a new field of the row does not compile until it is decided here how to redact it.
    let TaskRow {
        state: _,
        last_decision: _,
        opened,
        closed,
        executions: _,
        concluded_by,
        unphased: _,
        unmatched: _,
        corrections,
        decisions: _,
        earlier_decisions: _,
        overrides,
        explanations,
        importance_changes,
        stopped: _,
        bypasses: _,
        mark,
        progress,
        skews,
        first_at: _,
        last_at: _,
    } = row;
    // Names in usage and of its reporters; no report shows them.
    corrections.clear();
    *concluded_by = concluded_by.as_ref().map(|_| left_out());
    let phases = progress.iter_mut().flat_map(|progress| &mut progress.phases);
    for repeated in phases.filter_map(|phase| phase.repeated.as_mut()) {
        (repeated.signal, repeated.key) = (left_out(), left_out());
    }
    *skews = redacted(std::mem::take(skews), pseudonyms);
    if let Some(Opened {
        at: _,
        recorded_at: _,
        sequence: _,
        title,
        justification,
        tags,
        labels,
        author,
        producer,
    }) = opened
    {
        *title = None;
        *justification = justification.as_ref().map(|_| left_out());
        tags.clear();
        labels.clear();
        *author = author.as_deref().map(|name| pseudonyms.person(name));
        *producer = pseudonyms.of("producer", producer);
    }
    if let Some(Closed { at: _, recorded_at: _, outcome: _, reason, author }) = closed {
        *reason = reason.as_ref().map(|_| left_out());
        *author = author.as_deref().map(|name| pseudonyms.person(name));
    }
    for Override { sequence: _, at: _, what: _, approver, reason } in overrides {
        *approver = pseudonyms.person(approver);
        *reason = left_out();
    }
    for Explanation { sequence: _, at: _, execution: _, author, text } in explanations {
        *author = pseudonyms.person(author);
        *text = left_out();
    }
    for ImportanceChange { sequence: _, at: _, from: _, to: _, author, reason } in importance_changes {
        *author = pseudonyms.person(author);
        *reason = left_out();
    }
    if let Some(MarkedAs { sequence: _, at: _, mark: _, author, reason }) = mark {
        *author = pseudonyms.person(author);
        *reason = left_out();
    }
}

/// The ledger's own sentences, which contain the task's name.
fn redact_sentences(row: &mut TaskRow, scrub: &Scrub) {
    if let Some(limits) = row.state.limits.as_deref_mut() {
        if let ImportanceSource::Tag(tag) = &mut limits.importance_source {
            LEFT_OUT.clone_into(tag);
        }
        limits.warnings.iter_mut().for_each(|warning| scrub.apply(warning));
    }
    for decision in &mut row.decisions {
        decision.reasons.iter_mut().for_each(|(_, _, message)| scrub.apply(message));
    }
    row.overrides.iter_mut().for_each(|granted| scrub.apply(&mut granted.what));
}

/// Phases named by usage that are not the task's own: a producer may have written anything there.
fn redact_phases(row: &mut TaskRow, pseudonyms: &Pseudonyms) {
    let of_config: Vec<Phase> = row
        .state
        .limits
        .iter()
        .flat_map(|limits| limits.phases.iter().map(|limit| limit.phase.clone()))
        .collect();
    let unmatched = std::mem::take(&mut row.unmatched);
    let mut redacted: BTreeMap<NamedExecution, Activity> = BTreeMap::new();
    for (mut named, activity) in unmatched {
        let name = named.phase.as_str();
        if !of_config.contains(&named.phase) && !KNOWN_PHASES.contains(&name) {
            let pseudonym = pseudonyms.of("phase", name);
            named.phase = pseudonym.parse().unwrap_or(named.phase);
        }
        redacted.entry(named).or_default().add(&activity);
    }
    row.unmatched = redacted;
}

/// Names of a task that sentences may contain, each with its replacement; longest first.
struct Scrub(Vec<(String, String)>);

impl Scrub {
    fn of(named: Named<'_>, task: &str, tenant: &str, pseudonyms: &Pseudonyms) -> Self {
        let row = named.row;
        let mut names = vec![(named.task.to_owned(), task.to_owned())];
        // `default` is a word, and identifies nobody.
        if named.tenant != tollgate_domain::ids::DEFAULT_TENANT {
            names.push((named.tenant.to_owned(), tenant.to_owned()));
        }
        let opened = row.opened.iter();
        let people = opened.clone().filter_map(|opened| opened.author.as_ref());
        let people = people.chain(row.closed.iter().filter_map(|closed| closed.author.as_ref()));
        let people = people.chain(row.overrides.iter().map(|granted| &granted.approver));
        let people = people.chain(row.explanations.iter().map(|given| &given.author));
        let people = people.chain(row.mark.iter().map(|mark| &mark.author));
        let people = people.chain(row.importance_changes.iter().map(|changed| &changed.author));
        names.extend(people.map(|name| (name.clone(), pseudonyms.person(name))));
        names.extend(
            opened.map(|opened| (opened.producer.clone(), pseudonyms.of("producer", &opened.producer))),
        );
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Self(names)
    }

    fn apply(&self, sentence: &mut String) {
        for (name, pseudonym) in &self.0 {
            if sentence.contains(name.as_str()) {
                *sentence = replaced(sentence, name, pseudonym);
            }
        }
    }
}

/// The sentence with every occurrence of a name replaced; a short name only where it is a whole word.
fn replaced(sentence: &str, name: &str, pseudonym: &str) -> String {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let (mut out, mut rest) = (String::with_capacity(sentence.len()), sentence);
    while let Some((before, after)) = rest.split_once(name) {
        out.push_str(before);
        let inside = is_word(out.chars().next_back()) || is_word(after.chars().next());
        out.push_str(if name.len() < LONG && inside { name } else { pseudonym });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Similar, csv, explain, html, markdown, task_report};
    use crate::testing::story;

    /// Every place where someone can write something. The names after it are searched for.
    const CANARIES: &str = "config progress: {}, in canary-task, of canary-tenant, by canary-producer, \
        open title=canary-title why=canary-why tag=core importance=critical complexity=Tiny, \
        gate PLAN, start PLAN, use PLAN out=90000 usd=0, signal PLAN canary-signal 9 canary-key, gate PLAN, +1s, end PLAN, explain PLAN canary-explanation, \
        use CANARY-PHASE out=7, gate VERIFY, pass VERIFY, raise THINK 16000, importance low, gate VERIFY, close completed";

    #[test]
    fn no_name_is_left_in_any_form_and_pseudonyms_are_stable() {
        let story = story(CANARIES);
        let mut row = story.row().unwrap().clone();
        let opened = row.opened.as_mut().unwrap();
        opened.author = Some("canary-author".to_owned());
        opened.labels.insert("canary-label".to_owned(), "canary-value".to_owned());
        row.overrides[0].approver = "canary-approver".to_owned();
        row.overrides[0].reason = "canary-reason".to_owned();
        row.closed.as_mut().unwrap().reason = Some("canary-end".to_owned());
        row.closed.as_mut().unwrap().author = Some("canary-closer".to_owned());
        row.explanations[0].author = "canary-explainer".to_owned();
        let limits = row.state.limits.as_deref_mut().unwrap();
        limits.importance_source = ImportanceSource::Tag("canary-tag".to_owned());
        limits.warnings.push("of canary-approver for FIX-BUDGET-BREACH-canary-task".to_owned());
        let named = Named { tenant: "canary-tenant", task: "canary-task", row: &row, degraded: true };
        let forms = |key: u8| {
            let redacted = Redacted::of(named, &Pseudonyms::new([key; 32]));
            let report =
                task_report(redacted.named(), &Similar::NoClass, Some(story.now), "9f3c@3:9".to_owned());
            let json = serde_json::to_string(&report).unwrap();
            [json, markdown(&report), html(&report), csv(&report), explain(redacted.named(), Some(story.now))]
        };
        for text in forms(7) {
            assert!(!text.to_lowercase().contains("canary"), "{text}");
            assert!(text.contains("task-"), "{text}");
        }
        assert_eq!(forms(7), forms(7));
        assert_ne!(forms(7), forms(8), "another key, other pseudonyms");
        // Without redaction, each of them is there: the scan can fail.
        let report = task_report(named, &Similar::NoClass, Some(story.now), String::new());
        let text = markdown(&report);
        for name in ["canary-task", "canary-approver", "canary-reason", "canary-tag", "CANARY-PHASE"] {
            assert!(text.replace('\\', "").contains(name), "{name}: {text}");
        }
    }

    #[test]
    fn short_names_are_replaced_as_words_and_long_ones_everywhere() {
        for (sentence, name, expected) in [
            ("Task T exceeded token budget: 9", "T", "Task P exceeded token budget: 9"),
            ("FIX-BUDGET-BREACH-T, Task T", "T", "FIX-BUDGET-BREACH-P, Task P"),
            ("TheT-1000x", "T-1000", "ThePx"),
            ("nothing", "T", "nothing"),
        ] {
            assert_eq!(replaced(sentence, name, "P"), expected);
        }
    }
}
