//! Results as pictures: figures of what would have happened under other limits, and of limits proposed from history.
//!
//! A new picture is a function of a file here that makes a [`Figure`] of a result, and its line in [`what_if`] or
//! [`calibration`]. How it is drawn and written is the business of `tollgate-charts`.

#![expect(clippy::float_arithmetic, reason = "places in a picture: nothing is decided or stored by them")]

mod candidates;
mod distributions;
mod forecasts;
mod holdout;
mod money;
mod outcomes;
mod remarks;
mod share;
mod trade_off;
mod windows;

use tollgate_charts::Figure;
use tollgate_charts::html::Page;

use crate::collect::Calibrated;
use crate::what_if::Replayed;

/// More rows of a picture cannot be read; the table beside it has all of them.
const MOST_ROWS: usize = 40;

/// The pictures of a replay.
#[must_use]
pub fn what_if(replayed: &Replayed) -> Vec<Figure> {
    let result = &replayed.result;
    let mut figures = vec![outcomes::outcomes(result), candidates::side_by_side(result)];
    figures.extend(trade_off::trade_off(result));
    figures.extend(trade_off::over_thresholds(result));
    figures.extend(forecasts::errors(result));
    figures.extend(money::side_by_side(result));
    figures.extend(windows::exceeded(result));
    figures
}

/// The pictures of a calibration.
#[must_use]
pub fn calibration(calibrated: &Calibrated) -> Vec<Figure> {
    let calibration = &calibrated.result.calibration;
    let mut figures = vec![distributions::tokens(calibration), distributions::latency(calibration)];
    figures.extend(holdout::judged(calibration));
    figures.extend(holdout::coverage(calibration));
    figures
}

/// The pictures of a replay on a page, with what they assume.
#[must_use]
pub fn what_if_page(replayed: &Replayed) -> Page {
    let (result, source) = (&replayed.result, &replayed.source);
    Page {
        title: "What other limits would have done".to_owned(),
        facts: vec![
            ("History".to_owned(), source.origin.clone()),
            ("Events".to_owned(), share::counted(result.inputs.events)),
            ("Tasks".to_owned(), share::counted(result.history.tasks)),
            ("Tokens".to_owned(), share::signed(result.history.used.tokens)),
            ("Cost".to_owned(), format!("{} USD", result.history.used.cost_usd)),
        ],
        figures: what_if(replayed),
        notes: remarks::remarks(result),
        footer: footer(&result.inputs.tollgate, &replayed.hash),
    }
}

/// The pictures of a calibration on a page, with what a reader should know.
#[must_use]
pub fn calibration_page(calibrated: &Calibrated) -> Page {
    let (inputs, data) = (&calibrated.result.inputs, &calibrated.result.calibration.data);
    Page {
        title: "Limits from history".to_owned(),
        facts: vec![
            ("History".to_owned(), calibrated.source.origin.clone()),
            ("Config in force".to_owned(), calibrated.current.clone()),
            ("Events".to_owned(), share::counted(inputs.events)),
            ("Tasks".to_owned(), share::counted(data.tasks)),
            ("Fitted to".to_owned(), format!("{} tasks", share::counted(data.fitted_tasks))),
            ("Judged by".to_owned(), format!("{} tasks", share::counted(data.judged_tasks))),
        ],
        figures: calibration(calibrated),
        notes: vec![("Notes".to_owned(), calibrated.result.calibration.notes.clone())],
        footer: footer(&inputs.tollgate, &calibrated.hash),
    }
}

/// Nothing of where events were stored: the same result has the same page.
fn footer(version: &str, hash: &str) -> String {
    format!("Tollgate {version} · hash {hash}")
}
