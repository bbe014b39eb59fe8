//! How versions before the keys of ADR 45 counted a rollout: the growth from each snapshot to the next,
//! numbered in file order. Ledgers that imported with them hold usage under those numbers; reading a file the
//! same way again shows which of it is right and which has to be taken back. Nothing else uses it, and it
//! never changes.

use tollgate_domain::tokens::TokenCounts;

/// Cumulative counters as reported by one line. `input` includes `cached`, `output` includes `reasoning`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) input: u64,
    pub(super) cached: u64,
    pub(super) output: u64,
    pub(super) reasoning: u64,
}

/// What was counted so far in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Counters as counted since the last reset. `input` and `output` are those of the latest snapshot;
    /// `cached` and `reasoning` may differ from it, see [`Counted::step`].
    booked: Snapshot,
    /// The latest snapshot.
    latest: Snapshot,
}

/// What one snapshot adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The growth; all zero if nothing was used.
    pub(super) tokens: TokenCounts,
    /// The state after the step.
    pub(super) after: Counted,
}

impl Step {
    /// Whether anything was used.
    pub(super) fn grows(&self) -> bool {
        self.tokens.total() > 0
    }
}

impl Counted {
    /// What `now` adds. `None`: it repeats the previous snapshot.
    ///
    /// `input` and `output` are sums over calls and never decrease, so if one did, it was reset to zero in
    /// between and its value is all new. (Codex does that when a context overflows.)
    ///
    /// `cached` and `reasoning` are parts. Whatever they report, the whole is counted exactly as it grew: a
    /// part counts by how far it is ahead of what was counted of it, at least 0 and at most the growth of its
    /// whole. A part that jumped ahead, or fell back, is thus settled by the following snapshots as their
    /// growth allows, and at the end the kinds add up to the last snapshot wherever that is possible at all.
    pub(super) fn step(&self, now: &Snapshot) -> Option<Step> {
        if *now == self.latest {
            return None;
        }
        let reset = now.input < self.booked.input || now.output < self.booked.output;
        let base = if reset { Self::default() } else { *self };
        let input = now.input - base.booked.input;
        let output = now.output - base.booked.output;
        let cached = now.cached.saturating_sub(base.booked.cached).min(input);
        let reasoning = now.reasoning.saturating_sub(base.booked.reasoning).min(output);
        let booked = Snapshot {
            cached: base.booked.cached + cached,
            reasoning: base.booked.reasoning + reasoning,
            ..*now
        };
        Some(Step {
            tokens: TokenCounts {
                input_uncached: input - cached,
                cached_input: cached,
                cache_write: 0,
                output,
                reasoning,
                cache_write_1h: 0,
            },
            after: Self { booked, latest: *now },
        })
    }
}

/// Numbers the growing snapshots of one file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Before {
    counted: Counted,
    ordinal: u64,
}

impl Before {
    /// What was counted for this snapshot, and under which number. A snapshot without a readable time, or
    /// with more than an event can hold, was skipped and its growth came with the next one.
    pub(super) fn counted(&mut self, now: &Snapshot, has_time: bool) -> Option<(u64, TokenCounts)> {
        let step = self.counted.step(now)?;
        if step.grows() {
            if !has_time || step.tokens.check().is_err() {
                return None;
            }
            self.ordinal += 1;
        }
        self.counted = step.after;
        step.grows().then_some((self.ordinal, step.tokens))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tollgate_domain::tokens::TokenSums;

    use super::*;

    fn snapshot(text: &str) -> Snapshot {
        let counts: Vec<u64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
        let [input, cached, output, reasoning] = counts[..] else { panic!("4 counters: {text}") };
        Snapshot { input, cached, output, reasoning }
    }

    /// `input cached output reasoning, …` → what each adds, `uncached cached output reasoning`, `=` for a repeat.
    #[test]
    fn growth() {
        let table = "
            100 40 10 5                              | 60 40 10 5
            0 0 0 0                                  | =
            100 40 10 5, 100 40 10 5                 | 60 40 10 5; =
            100 40 10 5, 150 60 30 15, 150 60 30 15  | 60 40 10 5; 30 20 20 10; =
            100 0 10 0, 100 0 11 0                   | 100 0 10 0; 0 0 1 0
            100 40 10 5, 50 0 5 0                    | 60 40 10 5; 50 0 5 0
            100 40 10 5, 5000 0 5 0                  | 60 40 10 5; 5000 0 5 0
            100 40 10 5, 0 0 0 0, 7 0 1 0            | 60 40 10 5; 0 0 0 0; 7 0 1 0
            100 0 10 0, 150 120 10 0, 300 200 10 0   | 100 0 10 0; 0 50 0 0; 0 150 0 0
            100 50 10 0, 110 40 10 0, 130 60 10 0    | 50 50 10 0; 10 0 0 0; 10 10 0 0
            100 120 10 0, 100 120 20 0               | 0 100 10 0; 0 0 10 0
            10 0 10 12, 10 0 20 14                   | 10 0 10 10; 0 0 10 4
            100 0 10 0, 100 40 10 0, 140 40 10 0     | 100 0 10 0; 0 0 0 0; 0 40 0 0
            18446744073709551615 0 18446744073709551615 0 | 18446744073709551615 0 18446744073709551615 0
        ";
        for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (given, expected) = line.split_once('|').unwrap();
            let mut counted = Counted::default();
            let mut got = Vec::new();
            for now in given.split(',').map(snapshot) {
                let Some(step) = counted.step(&now) else {
                    got.push("=".to_owned());
                    continue;
                };
                let tokens = step.tokens;
                let text = format!(
                    "{} {} {} {}",
                    tokens.input_uncached, tokens.cached_input, tokens.output, tokens.reasoning
                );
                got.push(text);
                counted = step.after;
            }
            assert_eq!(got.join("; "), expected.trim(), "{line}");
        }
    }

    fn add_up(snapshots: &[Snapshot]) -> TokenSums {
        let mut counted = Counted::default();
        let mut sums = TokenSums::default();
        for now in snapshots {
            if let Some(step) = counted.step(now) {
                assert_eq!(step.tokens.check(), Ok(()));
                sums.add(&step.tokens.into());
                counted = step.after;
            }
        }
        sums
    }

    proptest! {
        /// Calls as `(uncached, cached, shown output, reasoning, repeats)`.
        #[test]
        fn growth_adds_up_to_the_last_total(
            calls in prop::collection::vec((0..9_u64, 0..9_u64, 0..9_u64, 0..9_u64, 1..4_usize), 0..40),
        ) {
            let mut total = Snapshot::default();
            let mut snapshots = Vec::new();
            for (uncached, cached, shown, reasoning, repeats) in calls {
                total.input += uncached + cached;
                total.cached += cached;
                total.output += shown + reasoning;
                total.reasoning += reasoning;
                snapshots.extend(std::iter::repeat_n(total, repeats));
            }
            let expected = TokenSums {
                input_uncached: (total.input - total.cached).into(),
                cached_input: total.cached.into(),
                cache_write: 0,
                output: total.output.into(),
                reasoning: total.reasoning.into(),
            };
            prop_assert_eq!(add_up(&snapshots), expected);
        }

        /// Whatever the parts and resets: no panic, and no token of the wholes is lost or counted twice.
        #[test]
        fn the_total_is_exact_for_any_counters(
            counters in prop::collection::vec((0..50_u64, 0..50_u64, 0..50_u64, 0..50_u64), 0..40),
        ) {
            let snapshots: Vec<Snapshot> = counters
                .into_iter()
                .map(|(input, cached, output, reasoning)| Snapshot { input, cached, output, reasoning })
                .collect();
            let mut expected = 0;
            let mut before = (0, 0);
            for now in &snapshots {
                let restarted = now.input < before.0 || now.output < before.1;
                let base = if restarted { 0 } else { before.0 + before.1 };
                expected += i128::from(now.input + now.output - base);
                before = (now.input, now.output);
            }
            prop_assert_eq!(add_up(&snapshots).total(), expected);
        }
    }
}
