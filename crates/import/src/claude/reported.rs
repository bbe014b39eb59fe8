//! Calls of sub-agents that their session's progress lines report. They are counted from the sub-agent's own
//! file; if that file is missing or lacks such a call, this is reported.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use memchr::memmem;

use crate::codex::shortened;
use crate::item::ProblemKind;

/// How much of a sub-agent's file is searched at a time.
const PIECE_BYTES: u64 = 1 << 20;

/// What progress lines reported.
#[derive(Debug, Default)]
pub(super) struct Reported {
    /// Sub-agents whose calls are in the session's own file, as was usual before they had their own files.
    here: BTreeSet<String>,
    /// By sub-agent: its calls, each with the first line that reports it.
    calls: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Reported {
    pub(super) fn add(&mut self, agent: String, call: String, number: u64) {
        self.calls.entry(agent).or_default().entry(call).or_insert(number);
    }

    pub(super) fn is_here(&mut self, agent: Option<String>) {
        self.here.extend(agent);
    }

    /// Calls that are not counted from anywhere, with the line that reports them first.
    pub(super) fn missing(self, session: &Path) -> Vec<(u64, ProblemKind)> {
        let mut problems = Vec::new();
        for (agent, mut calls) in self.calls.into_iter().filter(|(agent, _)| !self.here.contains(agent)) {
            let files = files_of(session, &agent);
            let found = files.iter().find(|file| file.exists());
            let compressed = files.iter().any(|file| file.with_extension("jsonl.zst").exists());
            if let Some(file) = found {
                without_those_in(file, &mut calls);
            } else if compressed {
                continue;
            }
            let Some(number) = calls.values().min().copied() else { continue };
            let (agent, count) = (shortened(&agent), calls.len());
            let file = found.unwrap_or(&files[0]).display().to_string();
            problems.push((
                number,
                match found {
                    Some(_) => ProblemKind::AgentCallsMissing { agent, file, count },
                    None => ProblemKind::AgentFileMissing { agent, file },
                },
            ));
        }
        problems
    }
}

/// Where Claude Code writes a sub-agent's file: below the session's directory, or next to the session's file.
fn files_of(session: &Path, agent: &str) -> [PathBuf; 2] {
    let plain = if session.extension().is_some_and(|end| end == "zst") {
        session.with_extension("")
    } else {
        session.to_owned()
    };
    let name = format!("agent-{agent}.jsonl");
    [plain.with_extension("").join("subagents").join(&name), plain.with_file_name(&name)]
}

/// Removes the calls whose ids are in a file. If the file cannot be read, that is reported when it is
/// imported itself.
fn without_those_in(file: &Path, calls: &mut BTreeMap<String, u64>) {
    let Ok(mut file) = File::open(file) else { return calls.clear() };
    let longest = calls.keys().map(String::len).max().unwrap_or_default() + 2;
    let mut piece = Vec::new();
    loop {
        // An id may be split across pieces: keep what may be its beginning.
        piece.drain(..piece.len().saturating_sub(longest));
        match file.by_ref().take(PIECE_BYTES).read_to_end(&mut piece) {
            Ok(1..) => {
                calls.retain(|call, _| memmem::find(&piece, format!("\"{call}\"").as_bytes()).is_none())
            }
            Ok(0) => return,
            Err(_) => return calls.clear(),
        }
        if calls.is_empty() {
            return;
        }
    }
}
