//! What policies say to a request, before anything is spent.

use super::{
    Amount, AmountLimit, BudgetEnforcement, BudgetState, Figures, MAX_VALUE_BYTES, Measure, OnStale, Policy,
    Rollover, Spent, SpentIn, Threshold,
};
use crate::event::{AllocationRequest, PolicyFigures, Ruling};
use crate::money::Usd;
use crate::time::Timestamp;
use crate::zone::Span;

/// What policies said to a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Every policy that it falls under, in the order of their names.
    pub policies: Vec<PolicyFigures>,
    /// The models that may take over, in order of preference, if nothing but their policies refuses.
    pub degrade_to: Vec<String>,
}

/// A policy that a request falls under.
struct Applicable<'a> {
    name: &'a str,
    version: u32,
    policy: &'a Policy,
    /// The task or session, if it looks at them one by one; `None` in `Some`: the request names none.
    of: Option<Option<String>>,
    /// The window.
    span: Option<Span>,
    /// The window before, if what it left counts, and the limit that ruled at its end.
    before: Option<(Span, AmountLimit)>,
}

impl Judgement {
    /// Whether nothing refuses it.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        !self.policies.iter().any(|figures| figures.ruling.refuses())
    }
}

/// The sums that a judgement of this request needs.
#[must_use]
pub fn needed(state: &BudgetState, request: &AllocationRequest, at: Timestamp) -> Vec<SpentIn> {
    applicable(state, request, at).iter().flat_map(Applicable::needed).collect()
}

/// What every policy says to a request for this much more.
#[must_use]
pub fn judge(
    state: &BudgetState,
    request: &AllocationRequest,
    more: Amount,
    figures: &Figures,
    at: Timestamp,
) -> Judgement {
    let mut judgement = Judgement::default();
    let mut others_refuse = false;
    for applicable in applicable(state, request, at) {
        let policy = applicable.policy;
        let found = applicable.figures(state, more, request, figures, at);
        if found.ruling.refuses() {
            let degrades =
                policy.enforcement == BudgetEnforcement::Degrade && found.ruling == Ruling::Refused;
            others_refuse |= !degrades;
            if degrades && judgement.degrade_to.is_empty() {
                judgement.degrade_to.clone_from(&policy.degrade_to);
            }
        }
        judgement.policies.push(found);
    }
    if others_refuse {
        judgement.degrade_to.clear();
    }
    judgement
}

/// The sums that [`standing`] needs. `of`: the task or session, for a policy that looks at each by itself.
#[must_use]
pub fn needed_by(state: &BudgetState, policy: &str, of: Option<&str>, at: Timestamp) -> Vec<SpentIn> {
    by_itself(state, policy, of, at).map(|applicable| applicable.needed()).unwrap_or_default()
}

/// The sums that [`figures_in`] needs.
pub(super) fn needed_in(state: &BudgetState, version: (&str, u32, &Policy), at: Timestamp) -> Vec<SpentIn> {
    counting(state, version, at).map(|applicable| applicable.needed()).unwrap_or_default()
}

/// How a policy stands by a version, whether or not that one rules at the moment. `None`: its budget is not active, it
/// counts nothing then, or it looks at tasks or sessions one by one.
pub(super) fn figures_in(
    state: &BudgetState,
    version: (&str, u32, &Policy),
    figures: &Figures,
    at: Timestamp,
) -> Option<PolicyFigures> {
    let request = AllocationRequest { is_priced: true, ..AllocationRequest::default() };
    Some(counting(state, version, at)?.figures(state, Amount::NOTHING, &request, figures, at))
}

fn counting<'a>(
    state: &'a BudgetState,
    version: (&'a str, u32, &'a Policy),
    at: Timestamp,
) -> Option<Applicable<'a>> {
    let policy = version.2;
    let counts =
        state.is_active(policy) && policy.window.is_open_at(at) && policy.window.dimension().is_none();
    counts.then(|| Applicable::new(state, version, None, at))
}

/// How a policy stands, without a request. `None`: it does not rule, or looks at tasks or sessions one by one and is
/// not told at which, or the other way round.
#[must_use]
pub fn standing(
    state: &BudgetState,
    policy: &str,
    of: Option<&str>,
    figures: &Figures,
    at: Timestamp,
) -> Option<PolicyFigures> {
    let request = AllocationRequest { is_priced: true, ..AllocationRequest::default() };
    Some(by_itself(state, policy, of, at)?.figures(state, Amount::NOTHING, &request, figures, at))
}

fn by_itself<'a>(
    state: &'a BudgetState,
    name: &'a str,
    of: Option<&str>,
    at: Timestamp,
) -> Option<Applicable<'a>> {
    let (version, policy) = state.policy(name)?.ruling_at(at)?;
    let is_asked = policy.window.dimension().is_some() == of.is_some()
        && of.is_none_or(|of| !of.is_empty() && of.len() <= MAX_VALUE_BYTES);
    let rules = state.is_active(policy) && policy.window.is_open_at(at) && is_asked;
    let of = of.map(|of| Some(of.to_owned()));
    rules.then(|| Applicable::new(state, (name, version, policy), of, at))
}

fn applicable<'a>(state: &'a BudgetState, request: &AllocationRequest, at: Timestamp) -> Vec<Applicable<'a>> {
    let usage = request.dimensions();
    let ruling = state.ruling(&usage, at).into_iter();
    let applicable = ruling.map(|found| {
        let of = |dimension| usage.get(&dimension).filter(|value| value.len() <= MAX_VALUE_BYTES);
        let of = found.2.window.dimension().map(|dimension| of(dimension).map(str::to_owned));
        Applicable::new(state, found, of, at)
    });
    // A policy that refuses nothing has nothing to say about tasks that are not named.
    applicable.filter(|found| found.of != Some(None) || found.policy.enforcement.can_refuse()).collect()
}

impl<'a> Applicable<'a> {
    fn new(
        state: &'a BudgetState,
        (name, version, policy): (&'a str, u32, &'a Policy),
        of: Option<Option<String>>,
        at: Timestamp,
    ) -> Self {
        let span = policy.window.span_at(&policy.zone, at);
        let before = span.filter(|_| policy.rollover != Rollover::Nothing).and_then(|span| {
            let end = span.from.plus_millis(-1);
            // What was left while no version ruled is not the policy's to roll over.
            let (_, ruled) = state.policy(name)?.ruling_at(end)?;
            Some((policy.window.span_at(&policy.zone, end)?, ruled.limit))
        });
        Self { name, version, policy, of, span, before }
    }

    /// The sums that its figures need.
    fn needed(&self) -> Vec<SpentIn> {
        let now = self.spent_in(self.span);
        let before = self.before.and_then(|(before, _)| self.spent_in(Some(before)));
        now.into_iter().chain(before).collect()
    }

    /// The usage that it counts in a span; `None`: that of a task or session that is not named.
    fn spent_in(&self, span: Option<Span>) -> Option<SpentIn> {
        let scope = match (self.policy.window.dimension(), &self.of) {
            (Some(dimension), Some(of)) => self.policy.scope.with(dimension, of.as_ref()?),
            (_, _) => self.policy.scope.clone(),
        };
        Some(SpentIn { scope, span })
    }

    fn figures(
        &self,
        state: &BudgetState,
        more: Amount,
        request: &AllocationRequest,
        figures: &Figures,
        at: Timestamp,
    ) -> PolicyFigures {
        let named = self.spent_in(self.span);
        let known = named.as_ref().and_then(|sum| figures.spent.get(sum));
        let before = self.before.and_then(|(span, limit)| Some((self.spent_in(Some(span))?, limit)));
        let known_before = before.as_ref().map(|(sum, limit)| (figures.spent.get(sum), limit));
        let is_known = known.is_some() && known_before.is_none_or(|(spent, _)| spent.is_some());
        let (booked, exposure) =
            known.map_or((Amount::NOTHING, Usd::ZERO), |(spent, most)| (counted(spent), *most));
        let unpriced_tokens = known.map_or(0, |(spent, _)| spent.unpriced_tokens());
        let rolled =
            known_before.and_then(|(spent, limit)| Some(self.rolled_over(*limit, counted(&spent?.0))));
        let raised = state.policy(self.name).map(|history| history.raised_at(at)).unwrap_or_default();
        let mut found = PolicyFigures {
            policy: self.name.to_owned(),
            version: self.version,
            window: self.span,
            of: self.of.clone().flatten(),
            limit: self.policy.limit.plus(raised).plus(rolled.unwrap_or_default()),
            booked,
            reserved: if is_known { self.reserved(state, figures, at) } else { Amount::NOTHING },
            unpriced: Amount { tokens: unpriced_tokens, usd: exposure },
            unpriced_units: known.map(|(spent, _)| spent.all_unpriced_units()).unwrap_or_default(),
            ruling: Ruling::Fits,
            retry_at: None,
        };
        found.ruling = match (&named, is_known) {
            (None, _) => Ruling::Unnamed,
            (Some(_), false) => self.while_behind(),
            (Some(_), true) => self.ruling(state, request, more, &found, at),
        };
        if found.ruling == Ruling::Refused && self.policy.enforcement == BudgetEnforcement::Throttle {
            found.retry_at = self.next_at_its_rate(state).filter(|next| at < *next);
        }
        found
    }

    /// What others have reserved under this policy and not used. It may be used in any window from now on, so it
    /// counts in this one, whenever it was allocated.
    fn reserved(&self, state: &BudgetState, figures: &Figures, at: Timestamp) -> Amount {
        if figures.used.is_empty()
            && let Some(SpentIn { scope, .. }) = self.spent_in(None)
            && let Some(sum) = state.reserved(&scope, at)
        {
            return sum;
        }
        let counts = |open: &AllocationRequest| {
            let usage = open.dimensions();
            let same = match (self.policy.window.dimension(), &self.of) {
                (Some(dimension), Some(of)) => usage.get(&dimension) == of.as_deref(),
                (_, _) => true,
            };
            same && self.policy.scope.contains(&usage)
        };
        let used = |name: &str| figures.used.get(name).copied().unwrap_or_else(|| state.used(name));
        let open = state.open_under(self.name);
        let open = open.filter(|(_, open)| at < open.expires_at && counts(&open.request));
        open.fold(Amount::NOTHING, |sum, (name, open)| sum.plus(open.amount.beyond(used(name))))
    }

    /// What the window before left of the limit that it had.
    fn rolled_over(&self, limit: AmountLimit, booked: Amount) -> Amount {
        let left = limit.left_after(booked);
        match self.policy.rollover {
            Rollover::Nothing => Amount::NOTHING,
            Rollover::All => left,
            Rollover::UpTo(AmountLimit { tokens, usd }) => Amount {
                tokens: left.tokens.min(tokens.map_or(0, i128::from)),
                usd: left.usd.min(usd.unwrap_or_default()),
            },
        }
    }

    const fn while_behind(&self) -> Ruling {
        match self.policy.on_stale {
            OnStale::Refuse => Ruling::Stale,
            OnStale::Allow => Ruling::StaleAllowed,
        }
    }

    fn ruling(
        &self,
        state: &BudgetState,
        request: &AllocationRequest,
        more: Amount,
        found: &PolicyFigures,
        at: Timestamp,
    ) -> Ruling {
        let policy = self.policy;
        if policy.limit.usd.is_some() && !request.is_priced && policy.enforcement.can_refuse() {
            return Ruling::Unpriced;
        }
        // Who says only what it costs asks for one token at least: it does not pass a limit that is used up.
        let more = if request.tokens_unsaid && more != Amount::NOTHING {
            Amount { tokens: more.tokens.max(1), ..more }
        } else {
            more
        };
        let reserved = found.booked.plus(found.reserved).plus(more);
        let worst = reserved.plus(Amount { tokens: 0, usd: found.unpriced.usd });
        let measured = match policy.measure {
            Measure::Booked => found.booked.plus(more),
            Measure::Reserved => reserved,
            Measure::Worst => worst,
        };
        // Whatever thresholds are compared with: nothing is reserved twice.
        let counted = if policy.measure == Measure::Worst { worst } else { reserved };
        if found.limit.holds(counted) {
            return if policy.warn_at.is_reached(measured, found.limit) {
                Ruling::Warns
            } else {
                Ruling::Fits
            };
        }
        match policy.enforcement {
            BudgetEnforcement::Ignore => Ruling::Ignored,
            BudgetEnforcement::Warn => Ruling::Over,
            BudgetEnforcement::SoftLimit => Ruling::OverSoft,
            BudgetEnforcement::HardLimit
                if policy.passes_from.is_some_and(|from| request.priority >= from) =>
            {
                Ruling::Passed
            }
            BudgetEnforcement::Throttle if self.is_within_rate(state, at) => Ruling::Throttled,
            BudgetEnforcement::HardLimit | BudgetEnforcement::Degrade | BudgetEnforcement::Throttle => {
                Ruling::Refused
            }
        }
    }

    fn is_within_rate(&self, state: &BudgetState, at: Timestamp) -> bool {
        let has_rate = self.policy.throttle_per_minute.is_some_and(|a_minute| a_minute > 0);
        has_rate && self.next_at_its_rate(state).is_none_or(|next| next <= at)
    }

    /// From when on its rate lets one more pass; `None`: it has none, or fewer than that passed so far.
    fn next_at_its_rate(&self, state: &BudgetState) -> Option<Timestamp> {
        let a_minute = self.policy.throttle_per_minute?;
        state.policy(self.name)?.throttled.next_at(a_minute)
    }
}

/// What was spent in a window. Corrections of usage of an earlier one may give back more than that: then nothing was.
fn counted(spent: &Spent) -> Amount {
    Amount::from(spent).not_below_nothing()
}

/// The level that a policy has reached with an amount: none, the warning, the action, the limit.
#[must_use]
pub fn level(policy: &Policy, amount: Amount, limit: AmountLimit) -> Option<Threshold> {
    let levels = [Threshold::LIMIT, policy.act_at, policy.warn_at];
    levels.into_iter().find(|level| level.is_reached(amount, limit))
}
