//! What several sources say about the price of one model: verified, disputed, or said by one alone.

use super::listed::Listed;
use super::percent::Percent;
use super::points::PointCosts;
use crate::time::Timestamp;

/// Within how many percent two costs agree.
pub const TOLERANCE: Percent = 5;

/// How many of a hundred sources that know a model have to agree on its price.
const AGREEING_OF_100: usize = 80;

/// How far a source is believed: from 0 to 1000 thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trust(u16);

impl Trust {
    /// From which trust on a source may be believed on its own.
    pub const ALONE: Self = Self(800);

    /// From thousandths; more than 1000 are 1000.
    #[must_use]
    pub const fn from_thousandths(thousandths: u16) -> Self {
        Self(if thousandths > 1000 { 1000 } else { thousandths })
    }

    /// In thousandths.
    #[must_use]
    pub const fn thousandths(self) -> u16 {
        self.0
    }
}

/// What one source says about a model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opinion<'a> {
    /// Which source.
    pub(super) source: &'a str,
    /// How far it is believed.
    pub(super) trust: Trust,
    /// The price.
    pub(super) listed: &'a Listed,
}

/// What the sources that know a model say together.
#[derive(Clone, Debug)]
pub(super) struct Agreement<'a> {
    /// The most trusted price among those that agree the most.
    pub(super) best: Opinion<'a>,
    /// How many sources agree with it, itself included.
    pub(super) agreeing: usize,
    /// How many know the model.
    pub(super) known: usize,
    /// What each source says, as text, if they do not agree.
    pub(super) disputed: Vec<String>,
}

impl Agreement<'_> {
    /// Whether enough sources agree. One alone has nobody to agree with.
    #[must_use]
    pub(super) const fn is_verified(&self) -> bool {
        self.known > 1 && self.disputed.is_empty()
    }
}

/// Judges a model by what it costs at the usage points. If the sources do not agree, the price is that of
/// the most trusted one. `None`: nobody knows the model.
#[must_use]
pub(super) fn judge<'a>(opinions: &[Opinion<'a>], moments: &[Timestamp]) -> Option<Agreement<'a>> {
    // What depends on the hour is compared at the hours of a week, the others at one moment.
    let hours = opinions.iter().any(|opinion| opinion.listed.has_hours());
    let moments = if hours { moments } else { moments.get(..1).unwrap_or(moments) };
    let costs: Vec<PointCosts> = opinions.iter().map(|opinion| opinion.listed.costs(moments)).collect();
    let agreeing = |nth: usize| {
        let own = costs.get(nth);
        let with = |(other, theirs): (usize, &PointCosts)| {
            other == nth || own.is_some_and(|own| own.agrees(theirs, TOLERANCE))
        };
        costs.iter().enumerate().filter(|one| with((one.0, one.1))).count()
    };
    let known = opinions.len();
    let most = (0..known).map(agreeing).max()?;
    let agreed = most.saturating_mul(100) >= known.saturating_mul(AGREEING_OF_100);
    let mut chosen: Option<(usize, Opinion<'a>)> = None;
    for (nth, opinion) in opinions.iter().enumerate() {
        if agreed && agreeing(nth) < most {
            continue;
        }
        if chosen.is_none_or(|(_, best)| opinion.trust > best.trust) {
            chosen = Some((nth, *opinion));
        }
    }
    let (nth, best) = chosen?;
    let disputed = if agreed { Vec::new() } else { said(opinions, &costs) };
    Some(Agreement { best, agreeing: agreeing(nth), known, disputed })
}

/// What each source says it costs, at the points where two of them differ.
fn said(opinions: &[Opinion<'_>], costs: &[PointCosts]) -> Vec<String> {
    let points = super::points::UsagePoint::ALL;
    let shown = |(opinion, costs): (&Opinion<'_>, &PointCosts)| {
        let at: Vec<String> = points
            .iter()
            .zip(costs.first())
            .filter_map(|(point, usd)| Some(format!("{} {}", point.name, usd?)))
            .chain(costs.units().iter().map(|(unit, usd)| format!("{unit} {usd}")))
            .collect();
        format!("{}: {} USD", opinion.source, at.join("; "))
    };
    opinions.iter().zip(costs).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(input: &str, output: &str) -> Listed {
        let rates = format!(
            r#"{{"litellm_provider": "p", "input_cost_per_token": {input}, "output_cost_per_token": {output}}}"#
        );
        Listed::read("p/m", &rates).unwrap()
    }

    /// `source trust input output, …` → `source agreeing/known verified|alone|disputed`.
    #[test]
    fn four_of_five_verify_and_a_dispute_goes_to_the_most_trusted() {
        let table = "
            a 900 1e-6 2e-6                                                      | a 1/1 alone
            a 900 1e-6 2e-6, b 700 1e-6 2e-6                                     | a 2/2 verified
            a 700 1e-6 2e-6, b 900 1.04e-6 2e-6                                  | b 2/2 verified
            a 700 1e-6 2e-6, b 900 1e-6 2.2e-6                                   | b 1/2 disputed
            a 900 9e-6 2e-6, b 100 1e-6 2e-6, c 200 1e-6 2e-6, d 300 1e-6 2e-6, e 100 1e-6 2e-6 | d 4/5 verified
            a 900 9e-6 2e-6, b 100 1e-6 2e-6, c 200 1e-6 2e-6                    | a 1/3 disputed
        ";
        for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (said, expected) = line.split_once('|').unwrap();
            let rows: Vec<(&str, u16, Listed)> = said
                .split(',')
                .map(|one| {
                    let [source, trust, input, output] =
                        one.split_whitespace().collect::<Vec<_>>().try_into().unwrap();
                    (source, trust.parse().unwrap(), listed(input, output))
                })
                .collect();
            let opinions: Vec<Opinion<'_>> = rows
                .iter()
                .map(|(source, trust, listed)| Opinion {
                    source,
                    trust: Trust::from_thousandths(*trust),
                    listed,
                })
                .collect();
            let judged = judge(&opinions, &[Timestamp::default()]).unwrap();
            let word = match (judged.is_verified(), judged.disputed.is_empty()) {
                (true, _) => "verified",
                (false, true) => "alone",
                (false, false) => "disputed",
            };
            let found = format!("{} {}/{} {word}", judged.best.source, judged.agreeing, judged.known);
            assert_eq!(found, expected.trim(), "{line}");
        }
        assert!(judge(&[], &[Timestamp::default()]).is_none());
    }

    #[test]
    fn a_dispute_tells_what_each_source_says() {
        let (one, other) = (listed("1e-6", "2e-6"), listed("3e-6", "2e-6"));
        let trust = Trust::ALONE;
        let opinions =
            [Opinion { source: "a", trust, listed: &one }, Opinion { source: "b", trust, listed: &other }];
        let judged = judge(&opinions, &[Timestamp::default()]).unwrap();
        assert_eq!(
            judged.disputed,
            [
                "a: 100 k in 0.1; 100 k out 0.2; 300 k in 0.3 USD",
                "b: 100 k in 0.3; 100 k out 0.2; 300 k in 0.9 USD"
            ]
        );
        assert_eq!((judged.best.source, judged.agreeing), ("a", 1));
    }
}
