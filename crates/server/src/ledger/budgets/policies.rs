//! Budgets and policies: set, raised, shown.

use std::collections::BTreeMap;

use tollgate_domain::budget::decide::{BudgetChange, LimitRaise};
use tollgate_domain::budget::{Dimension, Policy, PolicyHistory, Scope, SpentIn, defaults};
use tollgate_domain::ids::TenantId;
use tollgate_domain::money::Usd;
use tollgate_domain::nearest;
use tollgate_domain::price::{Call, name_of_provider};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::zone::Zone;
use tollgate_wire::api::{
    BudgetList, BudgetRequest, BudgetView, DefaultsRequest, PolicyList, PolicyRequest, PolicyView, Problem,
    RaiseRequest, WithdrawRequest,
};

use super::allocations::of_another_kind;
use super::command::{Command, Done, What};
use super::request::{fresh, id, tenant, usd};
use super::standing::When;
use super::{BudgetDecisions, is_behind};
use super::{answer, standing};
use crate::asked::time_in;
use crate::ledger::ask::Read;
use crate::problem::{Answer, BUDGET_UNKNOWN, INVALID, POLICY_UNKNOWN, of_field};

impl BudgetDecisions {
    /// Makes or changes a budget. It is durable on return, as all that is decided here.
    ///
    /// # Errors
    ///
    /// The problem to answer with, as for everything here.
    pub async fn set_budget(&self, name: &str, sent: &BudgetRequest) -> Answer<BudgetView> {
        let tenant = tenant(sent.tenant.as_ref())?;
        let set = BudgetChange {
            budget: name.to_owned(),
            title: sent.title.clone(),
            description: sent.description.clone(),
            owner: sent.owner.clone(),
            active: sent.active,
            author: sent.author.clone(),
            labels: sent.labels.clone(),
        };
        let recorded = self.recorded(&tenant, command("budget", sent.id.clone(), What::Budget(set))?).await?;
        self.budget_after(&tenant, name, recorded.position).await
    }

    /// Makes the budget and the policies that ship; those that exist stay as they are.
    pub async fn set_defaults(&self, sent: &DefaultsRequest) -> Answer<BudgetView> {
        let tenant = tenant(sent.tenant.as_ref())?;
        let (state, as_of) = self.state_by_now(&tenant).await?;
        let mut last = None;
        if state.budget(defaults::BUDGET).is_none() {
            let set = BudgetChange {
                budget: defaults::BUDGET.to_owned(),
                title: Some("Default budget".to_owned()),
                description: Some("limits that only warn: see what is spent, then tighten them".to_owned()),
                owner: None,
                active: Some(true),
                author: sent.author.clone(),
                labels: BTreeMap::new(),
            };
            last = Some(self.recorded(&tenant, command("budget", None, What::Budget(set))?).await?.position);
        }
        for policy in defaults::policies(self.ask.now()) {
            if state.policy(&policy.id).is_some() {
                continue;
            }
            let (policy, author) = (Box::new(policy), sent.author.clone());
            let what = What::Policy { policy, if_version: Some(0), author, reason: None };
            last = Some(self.recorded(&tenant, command("policy", None, what)?).await?.position);
        }
        self.budget_after(&tenant, defaults::BUDGET, last.unwrap_or(as_of)).await
    }

    /// Makes a policy, or its next version.
    pub async fn set_policy(&self, name: &str, sent: &PolicyRequest) -> Answer<PolicyView> {
        let tenant = tenant(sent.tenant.as_ref())?;
        let mut policy = Box::new(sent.rule.policy(name, self.ask.now()).map_err(|error| of_field(&error))?);
        policy.scope = policy.scope.with_provider_of_books();
        let warnings = self.unknown_names(&tenant, &policy).await?;
        let PolicyRequest { id, if_version, author, reason, .. } = sent.clone();
        let what = What::Policy { policy, if_version, author, reason };
        let mut command = command("policy", id, what)?;
        command.from_given = sent.rule.from.is_some();
        let at_least = match self.decided(&tenant, command).await? {
            Done::Recorded(recorded) => recorded.position,
            Done::Unchanged => "tail".to_owned(),
            Done::Drawn(_)
            | Done::NotDrawn(_)
            | Done::DoesNotFit { .. }
            | Done::Judged(_)
            | Done::Routed { .. }
            | Done::Exhausted(_) => {
                return Err(of_another_kind());
            }
        };
        let set = self.policy_after(&tenant, name, ("set", at_least)).await?;
        Ok(PolicyView { warnings, ..set })
    }

    /// A warning for each name that nothing has, usually a typo: a model of `degrade_to` or of the scope that neither
    /// the price book nor any usage has, a provider or a phase of the scope that neither the config nor any usage has.
    async fn unknown_names(&self, tenant: &TenantId, policy: &Policy) -> Answer<Vec<String>> {
        let (settings, now) = (self.ask.settings(), self.ask.now());
        let is_priced = |model: &str| {
            let asked = Call { provider: None, model: Some(model), service_tier: None, at: now };
            settings.prices.quote(settings.config.prices.apply(asked), &TokenCounts::default()).is_ok()
        };
        let look = "Look for its name with `tollgate prices list`";
        let degrades = policy.degrade_to.iter().map(String::as_str).filter(|model| !is_priced(model));
        let degrades = degrades.map(|model| {
            let why = format!("the price book does not have it and no usage names it; where money is limited it never takes over. {look}, or give it a price with `tollgate prices set`");
            ("model", model, format!("degrade_to `{model}`: {why}"))
        });
        let model = policy.scope.get(&Dimension::Model).filter(|model| !is_priced(model)).map(|model| {
            let why = format!("the price book does not have it and no usage names it: the policy counts nothing until some does. {look}");
            ("model", model, format!("scope model `{model}`: {why}"))
        });
        let provider = policy.scope.get(&Dimension::Provider).filter(|provider| {
            !settings.prices.entries(now).any(|entry| name_of_provider(&entry.model().provider) == **provider)
        });
        let provider = provider.map(|provider| {
            let why = format!("the price book has no model of it and no usage names it: the policy counts nothing until some does. {look}");
            ("provider", provider, format!("scope provider `{provider}`: {why}"))
        });
        let phase = policy.scope.get(&Dimension::Phase).and_then(|phase| {
            let unknown = settings.config.find_phase(&phase.parse().ok()?).err()?;
            let why = "no usage names it either: the policy counts nothing until some does";
            Some(("phase", phase, format!("scope {unknown}; {why}")))
        });
        let sums: Vec<(SpentIn, String)> = degrades
            .chain(model)
            .chain(provider)
            .chain(phase)
            .filter_map(|(dimension, value, warning)| {
                Some((SpentIn { scope: Scope::new([(dimension, value)]).ok()?, span: None }, warning))
            })
            .collect();
        if sums.is_empty() {
            return Ok(Vec::new());
        }
        let asked = sums.iter().map(|(sum, _)| sum.clone()).collect();
        let figures = match self.figures_once(tenant, asked, Vec::new(), &self.ask.end().await?).await {
            // Whether any usage has such a name is not known: then nobody is warned of it.
            Err(problem) if is_behind(&problem) => return Ok(Vec::new()),
            figures => figures?,
        };
        let is_used = |sum: &SpentIn| figures.spent.get(sum).is_some_and(|(spent, _)| spent.events > 0);
        Ok(sums.into_iter().filter(|(sum, _)| !is_used(sum)).map(|(_, warning)| warning).collect())
    }

    /// Raises the limit of a policy for a time.
    pub async fn raise_limit(&self, name: &str, sent: &RaiseRequest) -> Answer<PolicyView> {
        let tenant = tenant(sent.tenant.as_ref())?;
        let zone = self.zone_of(&tenant, name).await?;
        let from = sent.from.as_ref().map(|from| time_in("from", from, &zone)).transpose()?;
        let raise = sent.id.clone().unwrap_or_else(fresh);
        let raised = LimitRaise {
            raise: raise.clone(),
            policy: name.to_owned(),
            by: tollgate_domain::budget::Amount {
                tokens: sent.tokens.unwrap_or_default().into(),
                usd: sent.usd.as_ref().map_or(Ok(Usd::ZERO), |text| usd("usd", text))?,
            },
            from,
            until: time_in("until", &sent.until, &zone)?,
            author: sent.author.clone(),
            reason: sent.reason.clone(),
        };
        let recorded = self.recorded(&tenant, command("raise", Some(raise), What::Raise(raised))?).await?;
        self.policy_after(&tenant, name, ("raised", recorded.position)).await
    }

    /// Withdraws a raise from now on.
    pub async fn withdraw_raise(&self, name: &str, sent: &WithdrawRequest) -> Answer<PolicyView> {
        let tenant = tenant(sent.tenant.as_ref())?;
        let WithdrawRequest { id, raise, author, reason, .. } = sent.clone();
        let what = What::Withdraw { policy: name.to_owned(), raise, author, reason };
        let recorded = self.recorded(&tenant, command("withdraw", id, what)?).await?;
        self.policy_after(&tenant, name, ("without that raise", recorded.position)).await
    }

    /// In which zone a policy's days begin; UTC, if there is no such policy.
    async fn zone_of(&self, tenant: &TenantId, name: &str) -> Answer<Zone> {
        let (state, _) = self.state_by_now(tenant).await?;
        let latest = state.policy(name).and_then(|history| history.versions.last());
        Ok(latest.map_or_else(Zone::utc, |policy| policy.zone.clone()))
    }

    /// A budget.
    pub async fn budget(&self, tenant_name: &str, name: &str, read: &Read) -> Answer<BudgetView> {
        let mut list = self.budgets(tenant_name, read).await?;
        match list.budgets.iter().position(|budget| budget.budget == name) {
            Some(at) => Ok(list.budgets.swap_remove(at)),
            None => Err(unknown_budget(tenant_name, name, list.budgets.iter().map(|known| &known.budget))),
        }
    }

    /// All budgets of a tenant.
    pub async fn budgets(&self, tenant_name: &str, read: &Read) -> Answer<BudgetList> {
        let tenant = tenant(Some(&tenant_name.to_owned()))?;
        let (found, as_of) = self.ask.tenant_state(&tenant, read).await?;
        let now = self.ask.now();
        let budgets = found.state.budgets().values();
        let budgets = budgets.map(|set| {
            let policies = answer::policies_of(&found.state, &set.budget, now);
            answer::budget(set, tenant_name, policies, as_of.clone())
        });
        Ok(BudgetList { budgets: budgets.collect(), as_of })
    }

    /// A policy in all its versions, how it stands, and who is near its limit, if each task or session has one.
    ///
    /// `at`: in the window of this moment, which may be over; `None`: in the one of now.
    pub async fn policy(
        &self,
        tenant_name: &str,
        name: &str,
        at: Option<&str>,
        read: &Read,
    ) -> Answer<PolicyView> {
        let mut found = self.shown(tenant_name, name, at, read).await?;
        if at.is_none() && found.status.is_none() {
            let tenant = tenant(Some(&tenant_name.to_owned()))?;
            let (known, _) = self.ask.tenant_state(&tenant, read).await?;
            let near = self.near(&tenant, &known.state, name).await?;
            (found.near, found.near_is_partial) = (near.limits, near.is_partial);
        }
        Ok(found)
    }

    /// A policy in all its versions, and how it stands.
    pub(super) async fn shown(
        &self,
        tenant_name: &str,
        name: &str,
        at: Option<&str>,
        read: &Read,
    ) -> Answer<PolicyView> {
        let before = PolicyPage { budget: None, after: None, limit: usize::MAX, only: Some(name), at };
        let mut list = self.policies(tenant_name, &before, read).await?;
        if let Some(found) = list.policies.pop() {
            return Ok(found);
        }
        let (known, _) = self.ask.tenant_state(&tenant(Some(&tenant_name.to_owned()))?, read).await?;
        let known: Vec<&String> = known.state.policies().keys().collect();
        let hint = nearest::hint(name, &known);
        Err(POLICY_UNKNOWN
            .with(format!("policy `{name}` of tenant `{tenant_name}`: there is none; list them{hint}")))
    }

    /// Policies of a tenant, each with how it stands.
    pub async fn policies(
        &self,
        tenant_name: &str,
        page: &PolicyPage<'_>,
        read: &Read,
    ) -> Answer<PolicyList> {
        let tenant = tenant(Some(&tenant_name.to_owned()))?;
        let (found, _) = self.ask.tenant_state(&tenant, read).await?;
        let now = self.ask.now();
        if let Some(asked) = page.budget.filter(|asked| found.state.budget(asked).is_none()) {
            return Err(unknown_budget(tenant_name, asked, found.state.budgets().keys()));
        }
        let all = found.state.policies().iter();
        let wanted = all.filter(|(name, history)| {
            page.only.is_none_or(|only| *name == only)
                && page.after.is_none_or(|after| name.as_str() > after)
                && page.budget.is_none_or(|budget| {
                    history.versions.last().is_some_and(|policy| policy.budget.as_deref() == Some(budget))
                })
        });
        let mut wanted: Vec<_> = wanted.take(page.limit.saturating_add(1)).collect();
        let more = wanted.len() > page.limit;
        wanted.truncate(page.limit);
        let whens = wanted.iter().map(|(name, history)| Ok((name.as_str(), when(page.at, history, now)?)));
        let whens: BTreeMap<&str, When> = whens.collect::<Answer<_>>()?;
        // Also where there is no policy that it could be about.
        if let Some(at) = page.at.filter(|_| whens.is_empty()) {
            let _ = time_in("at", at, &Zone::utc())?;
        }
        let (mut statuses, as_of) = standing::of(&self.ask, &tenant, &found.state, &whens, read.wait).await?;
        let view = |(name, history): (&String, &PolicyHistory)| {
            let version = whens.get(name.as_str()).and_then(|when| when.version(&found.state, name));
            let view = answer::policy((name, history), tenant_name, version, now);
            PolicyView { status: statuses.remove(name.as_str()), as_of: as_of.clone(), ..view }
        };
        let policies: Vec<PolicyView> = wanted.into_iter().map(view).collect();
        let next = policies.last().filter(|_| more).map(|last| last.policy.clone());
        Ok(PolicyList { policies, next, as_of })
    }
}

/// Which policies to return.
#[derive(Clone, Copy, Debug)]
pub struct PolicyPage<'a> {
    /// Only those of this budget.
    pub budget: Option<&'a str>,
    /// Only those after this one.
    pub after: Option<&'a str>,
    /// How many at most.
    pub limit: usize,
    /// Only this one.
    pub only: Option<&'a str>,
    /// In the window of this moment, which may be over, or of the beginning of this day in the policy's zone; `None`:
    /// in the one of now.
    pub at: Option<&'a str>,
}

/// Of which moment's window a policy is shown.
fn when(at: Option<&str>, history: &PolicyHistory, now: Timestamp) -> Answer<When> {
    let Some(text) = at else { return Ok(When { now, at: now }) };
    let zone = history.versions.last().map_or_else(Zone::utc, |policy| policy.zone.clone());
    let at = time_in("at", text, &zone)?;
    if at > now {
        return Err(INVALID.of_field(
            "at",
            text,
            "must not be in the future: what will be spent is not known",
        ));
    }
    Ok(When { now, at })
}

/// No such budget, with the one that was probably meant.
fn unknown_budget<'a>(tenant: &str, name: &str, known: impl Iterator<Item = &'a String>) -> Box<Problem> {
    let hint = nearest::hint(name, &known.collect::<Vec<_>>());
    BUDGET_UNKNOWN.with(format!("budget `{name}` of tenant `{tenant}`: there is none; list them{hint}"))
}

/// A command under the id that its sender chose, or one that nobody did.
fn command(what_it_is: &str, key: Option<String>, what: What) -> Answer<Command> {
    Ok(Command::new(id(what_it_is, "id", &key.unwrap_or_else(fresh))?, what))
}
