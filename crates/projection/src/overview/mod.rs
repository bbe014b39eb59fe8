//! Figures over many tasks: by the week in which tasks were opened, and the target figures of a healthy setup.
//!
//! What a task contributes is a list of numbers by name, which [`crate::kept`] adds up as the rows of the view `status`
//! change and takes back exactly. Only sums of integers, so those of partitions add up in any order. No clock: weeks
//! come from the events, and anything a query needs to know about the present is part of it.

mod add;
mod conditions;
mod figure;
mod figures;
mod health;
mod health_config;
mod proposals;
mod share;
mod slowness;
mod tables;

pub use add::{
    Present, blocked_for_review, changed_importance, critical_for_review, stuck_for_review,
    unjustified_for_review,
};
pub(crate) use add::{each_figure, planned};
pub use conditions::conditions;
pub use figure::{Figure, PhaseFigure, TierFigure};
pub use figures::{
    BOUNDS, ClosedFigures, Counted, KEPT_FOR_REVIEW, Overview, PhaseFigures, Review, TierFigures,
    WeekFigures, week_of,
};
pub use health::{critical_share, false_positive_share, health, stopped_share, token_shift};
pub use health_config::HealthConfig;
pub use proposals::proposals;
pub use share::Share;
pub(crate) use share::decimals;
pub use slowness::transitions_row;

#[cfg(test)]
mod tests;
