//! Money: reserving and asking, beside SQLite and a plain hop; finding policies and prices, beside looking at each.

mod allocate;
mod check;
mod lookups;
mod sqlite;
mod work;

use std::path::Path;

use crate::output::{Report, progress};
use crate::place::Place;
use crate::process::beside_this;
use crate::stats::Samples;

/// Requests of a candidate in a round.
const QUICK: u64 = 9_600;
const FULL: u64 = 25_600;

/// Runs everything under a directory that is removed afterwards.
///
/// # Errors
///
/// A sentence if there is nowhere to measure or no binary next to this one, or if more was given than a limit allows.
pub(crate) fn run(quick: bool, parent: Option<&Path>) -> Result<Report, String> {
    beside_this()?;
    let place = Place::make(parent)?;
    progress(&format!("measuring in {} ({})", place.path().display(), place.file_system()));
    let (mut figures, mut ratios) = (Samples::default(), Samples::default());
    let rounds = 5;
    for nth in 0..rounds {
        progress(&format!("round {} of {rounds}", nth + 1));
        round(&place, nth, quick, &mut figures, &mut ratios)?;
    }
    Ok(Report::of(&place, quick, rounds, figures, ratios))
}

/// One round of all. What needs the binary is left out if it is not there.
///
/// # Errors
///
/// More or less was given than the limit allows.
pub(crate) fn round(
    place: &Place,
    round: usize,
    quick: bool,
    figures: &mut Samples,
    ratios: &mut Samples,
) -> Result<(), String> {
    let requests = if quick { QUICK } else { FULL };
    allocate::round(place, round, requests, (figures, ratios), check::in_process)?;
    match beside_this() {
        Ok(binary) => check::over_http(place, &binary, (figures, ratios))?,
        Err(missing) => progress(&format!("not measured: checks over HTTP: {missing}")),
    }
    lookups::round(figures, ratios);
    Ok(())
}
