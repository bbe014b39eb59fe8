//! What people say that tasks were, in a file beside the history: for sessions, which no ledger has, and for what
//! nobody marked there.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_domain::event::Mark;
use tollgate_domain::hex::hex;
use tollgate_domain::ids::TenantId;
use tollgate_domain::nearest::hint;
use tollgate_projection::fold::read_task_key;

use crate::error::ReplayError;

/// The columns of the file.
const COLUMNS: [&str; 2] = ["task", "mark"];

/// Unknown tasks that are named.
const NAMED: usize = 5;

/// Marks of tasks of one owner. They count before those of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The file's name, as given.
    name: String,
    tenant: TenantId,
    of: BTreeMap<String, Mark>,
}

/// Everything that is wrong with a file of marks, a sentence each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the marks cannot be used:\n  {}", problems.join("\n  "))]
pub struct InvalidMarks {
    /// What is wrong: the line, the value and the rule.
    pub problems: Vec<String>,
}

/// Which marks were met in a history.
pub(crate) struct Met<'a> {
    marks: Option<&'a Marks>,
    tasks: BTreeSet<&'a str>,
}

impl Marks {
    /// Reads marks: CSV with the columns `task` and `mark`, a line for each task. `name`: what people know the file by.
    ///
    /// # Errors
    ///
    /// [`InvalidMarks`] with all that is wrong.
    pub fn read(name: &str, text: &str, tenant: &TenantId) -> Result<Self, InvalidMarks> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let wrong = |problem: String| InvalidMarks { problems: vec![problem] };
        let header = reader.headers().map_err(|error| wrong(error.to_string()))?;
        if header.iter().ne(COLUMNS) {
            let found: Vec<&str> = header.iter().collect();
            return Err(wrong(format!(
                "line 1: `{}`: the columns must be `task,mark`, and below them a line for each task",
                found.join(",")
            )));
        }
        let (mut of, mut problems) = (BTreeMap::new(), Vec::new());
        for row in reader.records() {
            let row = match row {
                Ok(row) => row,
                Err(error) => {
                    problems.push(error.to_string());
                    continue;
                }
            };
            let line = row.position().map_or(0, csv::Position::line);
            let [task, mark] = [0, 1].map(|column| row.get(column).unwrap_or_default());
            let Some(known) = Mark::from_word(mark) else {
                let hint = hint(mark, Mark::NAMES);
                problems.push(format!(
                    "line {line}: task `{task}`: mark `{mark}` must be legitimate or runaway{hint}"
                ));
                continue;
            };
            if task.is_empty() {
                problems.push(format!("line {line}: names no task"));
            } else if of.insert(task.to_owned(), known).is_some_and(|earlier| earlier != known) {
                problems
                    .push(format!("line {line}: task `{task}` is both legitimate and runaway: name it once"));
            }
        }
        if of.is_empty() && problems.is_empty() {
            problems.push("no task is marked: below `task,mark` write a line for each".to_owned());
        }
        if problems.is_empty() {
            Ok(Self { name: name.to_owned(), tenant: tenant.clone(), of })
        } else {
            Err(InvalidMarks { problems })
        }
    }

    /// BLAKE3 of what they say and of whom, in hex.
    pub(crate) fn hash(&self) -> String {
        let all = (self.tenant.as_str(), &self.of);
        hex(blake3::hash(&serde_json::to_vec(&all).expect("plain data always serializes")).as_bytes())
    }
}

impl<'a> Met<'a> {
    pub(crate) fn new(marks: Option<&'a Marks>) -> Self {
        Self { marks, tasks: BTreeSet::new() }
    }

    /// What is said of a task, by its key.
    pub(crate) fn mark(&mut self, key: &[u8]) -> Option<Mark> {
        let marks = self.marks?;
        let (_, task) = read_task_key(key).filter(|(tenant, _)| *tenant == marks.tenant.as_str())?;
        let (task, mark) = marks.of.get_key_value(task)?;
        self.tasks.insert(task);
        Some(*mark)
    }

    /// Refuses marks of tasks that the history does not have: a slip would leave a runaway unmarked.
    pub(crate) fn check(&self) -> Result<(), ReplayError> {
        let Some(marks) = self.marks else { return Ok(()) };
        let unknown: Vec<&str> =
            marks.of.keys().map(String::as_str).filter(|task| !self.tasks.contains(task)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let named: Vec<String> = unknown.iter().take(NAMED).map(|task| format!("`{task}`")).collect();
        let more = if unknown.len() > NAMED { " and others" } else { "" };
        Err(ReplayError::Setting(format!(
            "--marks {}: {} of {} marked tasks are not in the history of the tenant `{}`: {}{more}; name tasks as the history has them, \
             sessions as codex-ID or claude-ID, or leave them out",
            marks.name,
            unknown.len(),
            marks.of.len(),
            marks.tenant,
            named.join(", ")
        )))
    }
}
