//! Over which time a policy counts.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Dimension;
use crate::time::Timestamp;
use crate::zone::{Grain, Span, Zone};

/// Over which time a policy counts: usage belongs to the window that it happened in, whenever it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Window {
    /// Each hour of the clock.
    Hourly,
    /// Each day.
    Daily,
    /// Each week, from Monday.
    Weekly,
    /// Each calendar month.
    Monthly,
    /// Each session by itself, as long as it lasts.
    PerSession,
    /// Each task by itself, as long as it lasts.
    PerTask,
    /// One span of time.
    Fixed(Span),
}

impl Window {
    /// The names, in order.
    pub const NAMES: [&'static str; 7] =
        ["hourly", "daily", "weekly", "monthly", "per_session", "per_task", "fixed"];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::PerSession => "per_session",
            Self::PerTask => "per_task",
            Self::Fixed(_) => "fixed",
        }
    }

    /// The window with this name; a fixed one has its span beside it.
    #[must_use]
    pub fn from_word(word: &str, fixed: Option<Span>) -> Option<Self> {
        match word {
            "hourly" => Some(Self::Hourly),
            "daily" => Some(Self::Daily),
            "weekly" => Some(Self::Weekly),
            "monthly" => Some(Self::Monthly),
            "per_session" => Some(Self::PerSession),
            "per_task" => Some(Self::PerTask),
            "fixed" => fixed.map(Self::Fixed),
            _ => None,
        }
    }

    /// The length of its windows, if they follow one another.
    #[must_use]
    pub const fn grain(self) -> Option<Grain> {
        match self {
            Self::Hourly => Some(Grain::Hour),
            Self::Daily => Some(Grain::Day),
            Self::Weekly => Some(Grain::Week),
            Self::Monthly => Some(Grain::Month),
            Self::PerSession | Self::PerTask | Self::Fixed(_) => None,
        }
    }

    /// What it looks at one by one, if it does.
    #[must_use]
    pub const fn dimension(self) -> Option<Dimension> {
        match self {
            Self::PerSession => Some(Dimension::Session),
            Self::PerTask => Some(Dimension::Task),
            Self::Hourly | Self::Daily | Self::Weekly | Self::Monthly | Self::Fixed(_) => None,
        }
    }

    /// The span that a moment belongs to; `None`: all time, or, for a fixed one, none of it.
    #[must_use]
    pub fn span_at(self, zone: &Zone, at: Timestamp) -> Option<Span> {
        match (self, self.grain()) {
            (Self::Fixed(span), _) => Some(span),
            (_, Some(grain)) => zone.span_of(grain, at),
            (_, None) => None,
        }
    }

    /// Whether it counts anything at a moment: a fixed one does so only within its span.
    #[must_use]
    pub fn is_open_at(self, at: Timestamp) -> bool {
        match self {
            Self::Fixed(span) => span.contains(at),
            Self::Hourly | Self::Daily | Self::Weekly | Self::Monthly | Self::PerSession | Self::PerTask => {
                true
            }
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_have_names_and_spans() {
        let span = Span {
            from: "2026-11-01T00:00:00Z".parse().unwrap(),
            to: "2026-11-08T00:00:00Z".parse().unwrap(),
        };
        for name in Window::NAMES {
            assert_eq!(Window::from_word(name, Some(span)).unwrap().as_str(), name);
        }
        assert_eq!(Window::from_word("fixed", None), None);
        assert_eq!(Window::from_word("yearly", None), None);
        let at = "2026-11-05T12:30:00Z".parse().unwrap();
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        assert_eq!(Window::Fixed(span).span_at(&zone, at), Some(span));
        assert_eq!(Window::PerTask.span_at(&zone, at), None);
        let day = Window::Daily.span_at(&zone, at).unwrap();
        assert_eq!(day.from.to_string(), "2026-11-04T23:00:00Z");
        assert!(Window::Fixed(span).is_open_at(span.from) && !Window::Fixed(span).is_open_at(span.to));
    }
}
