//! What a reader of limits has to know about phases that came from rules, in sentences.

use tollgate_domain::session_phases::Basis;

use super::coverage::{CoveredCalls, PhaseCoverage};

impl PhaseCoverage {
    /// Where phases came from, and how much of the sessions has any, without full stops.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let all = &self.all;
        let of = |basis| {
            let found = self.by_basis.iter().find(|it| it.basis == basis);
            found.map(|it| it.phased).unwrap_or_default()
        };
        let (activity, continued, position) =
            (of(Basis::Activity), of(Basis::Continued), of(Basis::Position));
        let mut said = vec![format!(
            "Phases were not reported: they came from the rules {} ({}…) by what calls did for {}, by the call before for {}, by the \
             place in the session alone for {}; none for {}, of {} calls with {} tokens in {}",
            self.rules.name,
            self.rules.hash.get(..12).unwrap_or_default(),
            part(activity, *all),
            part(continued, *all),
            part(position, *all),
            part(self.no_phase, *all),
            all.calls,
            all.tokens,
            if self.sessions == 1 { "1 session".to_owned() } else { format!("{} sessions", self.sessions) }
        )];
        for agent in self.by_agent.iter().filter(|agent| agent.sessions_with_tools < agent.sessions) {
            let unseen = agent.all.tokens.saturating_sub(agent.of_sessions_with_tools.tokens);
            said.push(format!(
                "{} of {} sessions of {}, with {} % of the tokens, name no tool in their files: their phases follow from how much calls wrote \
                 and from their place, not from what was done; do not enforce limits by phase that were learned from them",
                agent.sessions - agent.sessions_with_tools,
                agent.sessions,
                agent.agent,
                percent(unseen, all.tokens)
            ));
        }
        if self.no_phase.tokens > 0 {
            let (have, they) =
                if self.no_phase.calls == 1 { ("has", "it counts") } else { ("have", "they count") };
            said.push(format!("{} {have} no phase: {they} in totals only", part(self.no_phase, *all)));
        }
        if !self.never_matched.is_empty() {
            said.push(format!("Rules that hold of no call: {}", self.never_matched.join(", ")));
        }
        said
    }
}

/// `12 calls (3.4 % of the tokens)`.
fn part(of: CoveredCalls, all: CoveredCalls) -> String {
    let calls = if of.calls == 1 { "call" } else { "calls" };
    format!("{} {calls} ({} % of the tokens)", of.calls, percent(of.tokens, all.tokens))
}

/// A share in percent with one decimal, rounded down.
fn percent(part: u64, whole: u64) -> String {
    let permille = u128::from(part) * 1000 / u128::from(whole.max(1));
    format!("{}.{}", permille / 10, permille % 10)
}
