//! Merging sorted runs into one, in constant memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::iter::Peekable;

use super::run::Run;
use crate::contract::Found;
use crate::key::Key;

/// The ids of several runs in ascending order. If two runs hold the same key (a decision subject), the later
/// record wins.
pub(super) fn merged<'a>(runs: &'a [&'a Run]) -> impl Iterator<Item = io::Result<(Key, Found)>> + 'a {
    let mut sources: Vec<Peekable<_>> = runs.iter().map(|run| run.iter().peekable()).collect();
    let mut heap: BinaryHeap<Reverse<(Key, usize)>> = BinaryHeap::new();
    for (nth, source) in sources.iter_mut().enumerate() {
        if let Some(Ok((key, _))) = source.peek() {
            heap.push(Reverse((*key, nth)));
        } else if source.peek().is_some() {
            heap.push(Reverse((Key([0; 16]), nth)));
        }
    }
    let mut pending: Option<(Key, Found)> = None;
    std::iter::from_fn(move || {
        loop {
            let Some(Reverse((_, nth))) = heap.pop() else { return pending.take().map(Ok) };
            let (key, found) = match sources[nth].next() {
                Some(Ok(entry)) => entry,
                Some(Err(error)) => return Some(Err(error)),
                None => continue,
            };
            match sources[nth].peek() {
                Some(Ok((next, _))) => heap.push(Reverse((*next, nth))),
                Some(Err(_)) => heap.push(Reverse((key, nth))),
                None => {}
            }
            match &mut pending {
                Some((same, kept)) if *same == key => {
                    if found.sequence > kept.sequence {
                        *kept = found;
                    }
                }
                other => {
                    if let Some(done) = other.replace((key, found)) {
                        return Some(Ok(done));
                    }
                }
            }
        }
    })
}
