//! From cumulative counters to calls. A line reports the total usage and that of its last call; the
//! difference between the two is what was used before, and shows whether a call was missed, a line is stale,
//! or counting restarted.

use tollgate_domain::tokens::TokenCounts;

/// Counters as reported by one line. `input` includes `cached` and `written`, `output` includes `reasoning`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) input: u64,
    pub(super) cached: u64,
    pub(super) written: u64,
    pub(super) output: u64,
    pub(super) reasoning: u64,
}

/// A part that does not fit into its whole: its name, the whole's name, the reported and the counted value.
pub(super) type OutOfStep = (&'static str, &'static str, u64, u64);

impl Counters {
    /// The wholes: these never decrease while a session counts.
    pub(super) fn whole(&self) -> (u64, u64) {
        (self.input, self.output)
    }

    pub(super) fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    fn reaches(&self, other: &Self) -> bool {
        self.input >= other.input && self.output >= other.output
    }

    /// What is left without `last`; `None` if `last` is more than there is. A part is capped by its whole.
    pub(super) fn without(&self, last: &Self) -> Option<Self> {
        Some(Self {
            input: self.input.checked_sub(last.input)?,
            output: self.output.checked_sub(last.output)?,
            cached: self.cached.saturating_sub(last.cached),
            written: self.written.saturating_sub(last.written),
            reasoning: self.reasoning.saturating_sub(last.reasoning),
        })
    }

    pub(super) fn with(&self, more: &Self) -> Self {
        Self {
            input: self.input.saturating_add(more.input),
            cached: self.cached.saturating_add(more.cached),
            written: self.written.saturating_add(more.written),
            output: self.output.saturating_add(more.output),
            reasoning: self.reasoning.saturating_add(more.reasoning),
        }
    }

    /// Tokens by kind, each part capped by its whole, and the parts that were cut.
    pub(super) fn tokens(&self) -> (TokenCounts, Vec<OutOfStep>) {
        let cached = self.cached.min(self.input);
        let written = self.written.min(self.input - cached);
        let reasoning = self.reasoning.min(self.output);
        let cut = [
            ("cached_input_tokens", "input_tokens", self.cached, cached),
            ("cache_write_input_tokens", "input_tokens", self.written, written),
            ("reasoning_output_tokens", "output_tokens", self.reasoning, reasoning),
        ];
        let tokens = TokenCounts {
            input_uncached: self.input - cached - written,
            cached_input: cached,
            cache_write: written,
            output: self.output,
            reasoning,
            cache_write_1h: 0,
        };
        (tokens, cut.into_iter().filter(|(_, _, reported, counted)| reported != counted).collect())
    }
}

/// What was used by one call, or between two lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Used {
    /// How much.
    pub(super) counters: Counters,
    /// The cumulative counters after it was used: its key.
    pub(super) at: Counters,
    /// How often counting had restarted by then.
    pub(super) restarts: u32,
    /// Whether no line reports it on its own.
    pub(super) unreported: bool,
}

/// What one line adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) used: Vec<Used>,
    /// The previous counters, if counting restarted.
    pub(super) restarted_from: Option<Counters>,
    /// The previous counters, if this line is older than they are.
    pub(super) stale_after: Option<Counters>,
    /// What another file counted, if this one continues from it.
    pub(super) goes_on_from: Option<Counters>,
    pub(super) after: Counting,
}

/// How far one file has been counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counting {
    /// The counters up to which everything is counted.
    total: Counters,
    /// A line that went back and reports more than its last call: stale, unless the next line continues from it.
    stale: Option<Counters>,
    restarts: u32,
    started: bool,
    went_on: bool,
}

impl Counting {
    /// How often counting restarted.
    pub(super) fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Whether the first counters included another file's calls.
    pub(super) fn went_on(&self) -> bool {
        self.went_on
    }

    /// Applies `now`, whose last call used `last`. `goes_on`: a first line may include another file's calls.
    /// `None`: it repeats an earlier line.
    pub(super) fn step(&self, now: &Counters, last: Option<&Counters>, goes_on: bool) -> Option<Step> {
        if *now == self.total || Some(*now) == self.stale {
            return None;
        }
        let base = last.and_then(|last| now.without(last));
        if let Some(base) = base.filter(|base| goes_on && !self.started && base.total() > 0) {
            let begun = Self { total: base, started: true, went_on: true, ..*self };
            let mut step = begun.step(now, last, false).unwrap_or(Step { after: begun, ..Step::default() });
            step.goes_on_from = Some(base);
            return Some(step);
        }
        if now.reaches(&self.total) {
            return Some(self.ahead(now, last, base));
        }
        // It went back. After a restart the counters equal what the last call used.
        match (last, base, self.stale) {
            (Some(last), _, _) if last.whole() == now.whole() => {
                Some(self.anew().ahead(now, Some(last), base))
            }
            (Some(_), Some(base), Some(stale)) if base.whole() == stale.whole() => {
                Some(self.anew().ahead(now, last, Some(base)))
            }
            (Some(_), Some(_), _) => {
                let after = Self { stale: Some(*now), ..*self };
                Some(Step { stale_after: Some(self.total), after, ..Step::default() })
            }
            // Without a readable last call a restart cannot be recognized.
            (None, _, _) | (_, None, _) => Some(self.anew().ahead(now, None, None)),
        }
        .map(|step| Step {
            restarted_from: (step.after.restarts > self.restarts).then_some(self.total),
            ..step
        })
    }

    /// The counters of a call reported by a line in addition to them.
    pub(super) fn used_here(&self, counters: Counters) -> Used {
        Used { counters, at: self.total.with(&counters), restarts: self.restarts, unreported: false }
    }

    pub(super) fn after(&self, used: &Used) -> Self {
        Self { total: used.at, started: true, ..*self }
    }

    fn anew(&self) -> Self {
        let restarts = self.restarts.saturating_add(1);
        Self { total: Counters::default(), stale: None, restarts, started: true, ..*self }
    }

    /// A line whose wholes are not below what is counted.
    fn ahead(&self, now: &Counters, last: Option<&Counters>, base: Option<Counters>) -> Step {
        let restarts = self.restarts;
        let used = |counters, at, unreported| Used { counters, at, restarts, unreported };
        let all = match (last, base.filter(|base| base.reaches(&self.total))) {
            (Some(last), Some(base)) => {
                let missed = base.without(&self.total).unwrap_or_default();
                vec![used(missed, base, true), used(*last, *now, false)]
            }
            _ => vec![used(now.without(&self.total).unwrap_or_default(), *now, false)],
        };
        let after = Self { total: *now, stale: None, started: true, ..*self };
        let all = all.into_iter().filter(|used| used.counters.total() > 0).collect();
        Step { used: all, after, ..Step::default() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tollgate_domain::tokens::TokenSums;

    use super::*;

    fn counters(text: &str) -> Counters {
        let counts: Vec<u64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
        let [input, cached, output] = counts[..] else { panic!("3 counters: {text}") };
        Counters { input, cached, output, ..Counters::default() }
    }

    /// `input cached output / the same for the last call, …` → what each line adds: `input cached output` of
    /// each use, `?` before one that no line reports, `=` for a repeat, `R` after a restart, `S` for a stale
    /// line, `G` if the file continues from another's counters.
    #[test]
    fn calls_follow_from_totals_and_last_calls() {
        for (lines, expected) in [
            ("100 40 10 / 100 40 10, 150 60 15 / 50 20 5", "100 40 10; 50 20 5"),
            ("100 40 10 / 100 40 10, 100 40 10 / 100 40 10", "100 40 10; ="),
            // A stale line in the middle; the next continues from the newer one.
            (
                "100 80 2 / 100 80 2, 130 104 3 / 30 24 1, 128 102 3 / 28 22 1, 160 128 4 / 30 24 1",
                "100 80 2; 30 24 1; S; 30 24 1",
            ),
            ("100 80 2 / 100 80 2, 98 79 2 / 50 40 1, 98 79 2 / 50 40 1", "100 80 2; S; ="),
            // A restart: the counters equal those of the last call.
            ("100 80 2 / 100 80 2, 9 0 1 / 9 0 1, 20 8 3 / 11 8 2", "100 80 2; R 9 0 1; 11 8 2"),
            // A restart whose first line is lost, noticed once the next line continues from it.
            ("100 80 2 / 100 80 2, 20 8 3 / 11 8 2, 25 8 4 / 5 0 1", "100 80 2; S; R ?20 8 3, 5 0 1"),
            // A call that no line reports.
            ("100 40 10 / 100 40 10, 180 70 18 / 50 20 5", "100 40 10; ?30 10 3, 50 20 5"),
            // A line for a call that was already counted in part.
            ("100 40 10 / 100 40 10, 110 40 11 / 110 40 11", "100 40 10; 10 0 1"),
            // No last call: the growth; going back is a restart.
            ("100 40 10, 150 60 15, 20 0 3", "100 40 10; 50 20 5; R 20 0 3"),
            // The estimate after a compaction: no part of it is a call.
            ("100 40 10 / 100 40 10, 100 40 10 / 0 0 0", "100 40 10; ="),
            ("goes on, 160 60 15 / 60 20 5, 170 60 16 / 10 0 1", "G 60 20 5; 10 0 1"),
            ("goes on, 60 20 5 / 60 20 5", "60 20 5"),
            ("160 60 15 / 60 20 5", "?100 40 10, 60 20 5"),
        ] {
            let goes_on = lines.starts_with("goes on");
            let mut counting = Counting::default();
            let mut got = Vec::new();
            for line in lines.trim_start_matches("goes on, ").split(", ") {
                let (now, last) =
                    line.split_once(" / ").map_or((line, None), |(now, last)| (now, Some(last)));
                let Some(step) = counting.step(&counters(now), last.map(counters).as_ref(), goes_on) else {
                    got.push("=".to_owned());
                    continue;
                };
                let mut text = String::new();
                text += if step.restarted_from.is_some() { "R " } else { "" };
                text += if step.stale_after.is_some() { "S " } else { "" };
                text += if step.goes_on_from.is_some() { "G " } else { "" };
                let used = step.used.iter().map(|used| {
                    let Counters { input, cached, output, .. } = used.counters;
                    format!("{}{input} {cached} {output}", if used.unreported { "?" } else { "" })
                });
                text += &used.collect::<Vec<_>>().join(", ");
                got.push(text.trim().to_owned());
                counting = step.after;
            }
            assert_eq!(got.join("; "), expected, "{lines}");
        }
    }

    proptest! {
        /// Calls as `(uncached, cached, shown output, reasoning, repeats, whether the line is lost)`.
        #[test]
        fn calls_add_up_to_the_last_total_whatever_lines_are_lost(
            calls in prop::collection::vec((0..9_u64, 0..9_u64, 0..9_u64, 0..9_u64, 1..4_usize, any::<bool>()), 1..40),
        ) {
            let mut total = Counters::default();
            let (mut counting, mut sums) = (Counting::default(), TokenSums::default());
            let count = calls.len();
            for (nth, (uncached, cached, shown, reasoning, repeats, lost)) in calls.into_iter().enumerate() {
                let last = Counters { input: uncached + cached, cached, written: 0, output: shown + reasoning, reasoning };
                total = total.with(&last);
                if lost && nth + 1 < count {
                    continue;
                }
                for _ in 0..repeats {
                    let Some(step) = counting.step(&total, Some(&last), false) else { continue };
                    for used in &step.used {
                        sums.add(&used.counters.tokens().0.into());
                    }
                    counting = step.after;
                }
            }
            prop_assert_eq!(sums, total.tokens().0.into());
        }

        /// The same call has the same key, whatever earlier lines are lost.
        #[test]
        fn a_lost_line_changes_no_other_key(
            calls in prop::collection::vec((1..9_u64, 1..9_u64), 2..12), lost in 0..10_usize,
        ) {
            let keys = |skip: Option<usize>| {
                let (mut total, mut counting, mut keys) = (Counters::default(), Counting::default(), Vec::new());
                for (nth, &(input, output)) in calls.iter().enumerate() {
                    let last = Counters { input, output, ..Counters::default() };
                    total = total.with(&last);
                    if Some(nth) != skip && let Some(step) = counting.step(&total, Some(&last), false) {
                        keys.extend(step.used.iter().map(|used| (used.at, used.counters)));
                        counting = step.after;
                    }
                }
                keys
            };
            let skip = lost % (calls.len() - 1);
            prop_assert_eq!(keys(None), keys(Some(skip)));
        }
    }
}
