//! Orders the sessions of a family: forks copy lines without marking them, so the first session read keeps them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::line::{Read, word};
use crate::sources::SourceFile;

/// How much of a file is searched for its first line with an id.
const HEAD_BYTES: u64 = 4 * 1024 * 1024;

/// The order within a family: sessions before sub-agents, whose files may repeat a line of their session;
/// then by creation time, then smaller files first, since a fork contains everything it was made from.
type Age = (bool, Option<u64>, u64, PathBuf);

/// Sorts the files of each family by age, using the places that the family's files already have. Returns the
/// sessions of families with more than one, the oldest of each family first.
pub(crate) fn arrange(files: &mut [SourceFile]) -> Vec<String> {
    let mut sessions = Vec::new();
    let mut families: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, file) in files.iter().enumerate() {
        if let Some(root) = root_of(&file.path) {
            families.entry(root).or_default().push(place);
        }
    }
    for places in families.values().filter(|places| places.len() > 1) {
        let mut members: Vec<SourceFile> = places.iter().map(|&place| files[place].clone()).collect();
        members.sort_by_cached_key(age);
        for (&place, member) in places.iter().zip(members) {
            let stem = member.path.file_stem().filter(|_| session_file(&member.path).is_none());
            sessions.extend(stem.and_then(|stem| stem.to_str()).map(str::to_owned));
            files[place] = member;
        }
    }
    sessions
}

/// The id of the first line of a session's file; for a sub-agent, that of its session.
pub(super) fn root_of(path: &Path) -> Option<String> {
    if let Some(session) = session_file(path) {
        return root_of(&session);
    }
    let head = BufReader::new(File::open(path).ok()?.take(HEAD_BYTES));
    head.split(b'\n').map_while(Result::ok).find_map(|line| word(Read::of(&line).ok()?.uuid))
}

/// The file of the session that a sub-agent's file `SESSION/subagents/AGENT.jsonl` belongs to.
fn session_file(path: &Path) -> Option<PathBuf> {
    let directory = path.parent().filter(|parent| parent.ends_with("subagents"))?.parent()?;
    Some(directory.with_extension("jsonl"))
}

fn age(file: &SourceFile) -> Age {
    let made = std::fs::metadata(&file.path).and_then(|metadata| metadata.created()).ok();
    // Files that were copied together have the same age.
    let minutes =
        made.and_then(|made| made.duration_since(UNIX_EPOCH).ok()).map(|since| since.as_secs() / 60);
    (session_file(&file.path).is_some(), minutes, file.bytes, file.path.clone())
}
