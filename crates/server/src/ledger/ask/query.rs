//! Queries to the views. Each answer says up to where it is true; a view that is behind gives none.

use std::time::Duration;

use tollgate_domain::config::{BudgetConfig, UnknownPhase};
use tollgate_domain::decimal::Decimal;
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::limits::task_limits;
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::phase::Phase;
use tollgate_domain::position::{PartitionId, Position};
use tollgate_domain::progress::rules::ProgressRules;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_projection::report::{self, Named, Redacted, Similar};
use tollgate_projection::reports::ClassSums;
use tollgate_projection::selection::TaskFilter;
use tollgate_projection::status::TaskRow;
use tollgate_projector::queries::{ListTasks, OneTask, OthersOfClass, TaskAnswer, TaskPage};
use tollgate_projector::{Answered, QueryError, Wait};
use tollgate_wire::api::{
    LimitsResponse, PhaseSignalsView, ProgressRulesView, TaskList, TaskReport, TaskStatus,
};

use super::Queries;
use crate::problem::{Answer, INVALID, TASK_UNKNOWN, of_query, of_read};

/// How long a report that has to see a position waits at most for what similar tasks used: a report without
/// that is better than a late one.
const SIMILAR_WITHIN: Duration = Duration::from_secs(2);

/// What a query has to see, and how long to wait for that.
#[derive(Clone, Debug)]
pub struct Read {
    /// A position, or `tail`: the log's end at the time of the query.
    pub at_least: Option<String>,
    /// How long to wait at most.
    pub wait: Duration,
}

impl Default for Read {
    fn default() -> Self {
        Self { at_least: None, wait: Duration::from_secs(2) }
    }
}

/// Which tasks to return.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// Owner of the tasks.
    pub tenant: String,
    /// Only tasks after this one.
    pub after: Option<String>,
    /// Which of them.
    pub filter: TaskFilter,
    /// Whether to sum up all of them, including those on other pages.
    pub summed: bool,
    /// Maximum number of tasks to return.
    pub limit: usize,
}

/// A task that exists.
struct FoundTask {
    tenant: TenantId,
    task: TaskId,
    row: TaskRow,
    degraded: bool,
    as_of: String,
    /// The position that was asked for: it covers other tasks too.
    wanted: Option<Position>,
    wait: Duration,
}

impl FoundTask {
    fn named(&self) -> Named<'_> {
        let (tenant, task) = (self.tenant.as_str(), self.task.as_str());
        Named { tenant, task, row: &self.row, degraded: self.degraded }
    }
}

impl Queries {
    /// The status of one task.
    ///
    /// # Errors
    ///
    /// The problem to answer with, as for all queries here.
    pub async fn task_status(&self, tenant: &str, task: &str, read: &Read) -> Answer<TaskStatus> {
        let found = self.find_task(tenant, task, read).await?;
        Ok(report::task_status(found.named(), Some(self.clock.now()), found.as_of.clone()))
    }

    /// The budget report of one task, along with those of its class; `redact`: under pseudonyms.
    pub async fn task_report(
        &self,
        tenant: &str,
        task: &str,
        redact: bool,
        read: &Read,
    ) -> Answer<TaskReport> {
        let found = self.find_task(tenant, task, read).await?;
        let similar = self.similar(&found).await;
        let report = |named: Named<'_>| {
            report::task_report(named, &similar, Some(self.clock.now()), found.as_of.clone())
        };
        if redact {
            return Ok(report(Redacted::of(found.named(), &self.pseudonyms()?).named()));
        }
        Ok(report(found.named()))
    }

    /// The history of one task, and the position as of which it is true; `redact`: under pseudonyms.
    pub async fn explain(
        &self,
        tenant: &str,
        task: &str,
        redact: bool,
        read: &Read,
    ) -> Answer<(String, String)> {
        let found = self.find_task(tenant, task, read).await?;
        let now = Some(self.clock.now());
        let story = if redact {
            report::explain(Redacted::of(found.named(), &self.pseudonyms()?).named(), now)
        } else {
            report::explain(found.named(), now)
        };
        Ok((story, found.as_of))
    }

    async fn find_task(&self, tenant: &str, task: &str, read: &Read) -> Answer<FoundTask> {
        let (tenant, task) = names(tenant, task)?;
        let partition = PartitionId::of(tenant.as_str(), task.as_str());
        let wanted = self.wanted(read).await?;
        let at_least = wanted.as_ref().map(|position| position.only(partition));
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let (answer, as_of) =
            self.task_row(&tenant, &task, partition, wait).await.map_err(|error| of_query(&error))?;
        let (at, as_of) = (as_of.in_words(), as_of.to_string());
        let Some(row) = answer.row else {
            let mut problem = TASK_UNKNOWN.with(format!(
                "task `{task}` of tenant `{tenant}`: no events recorded for it as of {at}; check the spelling, or \
                 list the tasks"
            ));
            problem.as_of = Some(as_of);
            return Err(problem);
        };
        Ok(FoundTask { tenant, task, row, degraded: answer.degraded, as_of, wanted, wait: read.wait })
    }

    /// What the other tasks of its class used. If a view cannot answer, the report lacks only that.
    async fn similar(&self, found: &FoundTask) -> Similar {
        let Some(limits) = found.row.state.limits.as_deref() else { return Similar::NoClass };
        let question = OthersOfClass {
            tenant: found.tenant.as_str().to_owned(),
            task: found.task.as_str().to_owned(),
            complexity: limits.complexity,
            importance: limits.importance,
        };
        let wait = Wait { at_least: found.wanted.as_ref(), up_to: found.wait.min(SIMILAR_WITHIN) };
        match self.reports().ask_all(wait, &question).await {
            Ok((parts, _)) => {
                let mut sums = ClassSums::default();
                parts.iter().for_each(|part| sums.merge(part));
                Similar::Known(sums)
            }
            Err(error) => Similar::Unavailable(error.to_string()),
        }
    }

    /// What the view has about a task, and up to where that is true.
    pub(in crate::ledger) async fn task_row(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        partition: PartitionId,
        wait: Wait<'_>,
    ) -> Result<(TaskAnswer, Position), QueryError> {
        let query = OneTask { tenant: tenant.as_str().to_owned(), task: task.as_str().to_owned() };
        let Answered { answer, as_of, .. } = self.status().ask(partition, wait, &query).await?;
        if answer.degraded {
            self.known.degraded(tenant, task);
        }
        Ok((answer, as_of))
    }

    /// The tasks of a tenant, ordered by id.
    pub async fn tasks(&self, query: &ListQuery, read: &Read) -> Answer<TaskList> {
        let tenant = TenantId::new(&*query.tenant)
            .map_err(|error| INVALID.of_field("tenant", &error.value, error.rule))?;
        let at_least = self.wanted(read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let question = ListTasks {
            tenant: tenant.as_str().to_owned(),
            after: query.after.clone(),
            filter: query.filter.clone(),
            summed: query.summed,
            limit: query.limit,
            now: self.clock.now(),
        };
        let asked = self.status().ask_all(wait, &question).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        let limit = query.limit;
        let merge = move || {
            let mut page = TaskPage::default();
            parts.into_iter().for_each(|part| page.merge(part, limit));
            page
        };
        let page = self.make(merge).await?;
        let next = page.more.then(|| page.tasks.last().map(|last| last.task.clone())).flatten();
        let selection = query.summed.then(|| page.sums.view());
        Ok(TaskList { tasks: page.tasks, selection, next, as_of: as_of.to_string() })
    }

    /// The limits that a task of these tiers would get under the config in force.
    pub fn limits(
        &self,
        complexity: Option<&str>,
        importance: Option<&str>,
        multiplier: Option<&str>,
        completed: Option<&str>,
    ) -> Answer<LimitsResponse> {
        let settings = self.settings();
        limits_of(&settings.config, &settings.config_source, complexity, importance, multiplier, completed)
    }

    /// The position that a query has to see.
    pub(in crate::ledger) async fn wanted(&self, read: &Read) -> Answer<Option<Position>> {
        match read.at_least.as_deref() {
            None | Some("") => Ok(None),
            Some("tail") => Ok(Some(self.log.tail().await.map_err(|error| of_read(&error))?)),
            Some(text) => {
                let rule = "must be `tail` or a position that an earlier answer gave";
                text.parse().map(Some).map_err(|_| INVALID.of_field("at_least", text, rule))
            }
        }
    }
}

/// The limits of these tiers under a config, and what remains of them once these phases (comma-separated) are
/// completed.
///
/// # Errors
///
/// The problem with the tier, the multiplier or the phases.
pub fn limits_of(
    config: &BudgetConfig,
    source: &str,
    complexity: Option<&str>,
    importance: Option<&str>,
    multiplier: Option<&str>,
    completed: Option<&str>,
) -> Answer<LimitsResponse> {
    let complexity = complexity.map(|word| {
        word.parse::<Complexity>().map_err(|error| INVALID.of_field("complexity", word, &error.to_string()))
    });
    let importance = importance.map(|word| {
        word.parse::<Importance>().map_err(|error| INVALID.of_field("importance", word, &error.to_string()))
    });
    let multiplier = multiplier.map(|text| {
        let rule = "must be a decimal above 0 and at most 10";
        let value: Decimal = text.parse().map_err(|_| INVALID.of_field("multiplier", text, rule))?;
        let fits = value > Decimal::ZERO && value <= Decimal::new(10, 0);
        fits.then_some(value).ok_or_else(|| INVALID.of_field("multiplier", text, rule))
    });
    let metadata = TaskMetadata {
        complexity: complexity.transpose()?,
        importance: importance.transpose()?,
        budget_multiplier: multiplier.transpose()?,
        ..TaskMetadata::default()
    };
    let limits = task_limits(config, &metadata).map_err(|error| INVALID.with(error.to_string()))?;
    let words = completed.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    let completed = words.map(|word| {
        let phase = word.parse::<Phase>().ok().filter(|phase| limits.phase(phase).is_some());
        phase.ok_or_else(|| {
            let known = limits.phases.iter().map(|limit| &limit.phase);
            INVALID.with(format!("completed: {}", UnknownPhase::new(word, known)))
        })
    });
    let completed = completed.collect::<Result<Vec<_>, _>>()?;
    let (remaining_tokens, remaining_latency_ms) = limits.remaining(&completed);
    Ok(LimitsResponse {
        complexity: limits.complexity,
        complexity_multiplier: limits.complexity_multiplier.to_string(),
        importance: limits.importance,
        importance_multiplier: limits.importance_multiplier.to_string(),
        phases: limits.phases.iter().map(report::limit_view).collect(),
        total_tokens: limits.total_tokens(),
        total_latency_ms: limits.total_latency_ms(),
        remaining_tokens,
        remaining_latency_ms,
        config_hash: limits.config_hash,
        config_source: source.to_owned(),
        progress: limits.progress.as_deref().map(progress_view),
    })
}

fn progress_view(rules: &ProgressRules) -> ProgressRulesView {
    let phases = rules.phases.iter().map(|signals| PhaseSignalsView {
        phase: signals.phase.to_string(),
        points: signals.points.clone(),
        expected_points: signals.expected_points,
    });
    ProgressRulesView {
        phases: phases.collect(),
        check_percent: rules.check_percent,
        productive_rate: rules.productive_rate.to_string(),
        extension: rules.extension.to_string(),
        ceiling: rules.ceiling.to_string(),
        extension_raises_total: rules.extension_raises_total,
        spinning_repeats: rules.spinning_repeats,
        spinning_share: rules.spinning_share.to_string(),
        spinning_action: rules.spinning_action,
        carry_forward: rules.carry_forward.to_string(),
        carry_phases: rules.carry_phases.iter().map(ToString::to_string).collect(),
        forecast_warn: rules.forecast_warn.to_string(),
        forecast_min_phases: rules.forecast_min_phases,
    }
}

/// Tenant and task, validated.
pub(in crate::ledger) fn names(tenant: &str, task: &str) -> Answer<(TenantId, TaskId)> {
    let invalid =
        |error: tollgate_domain::ids::InvalidId| INVALID.of_field(error.field, &error.value, error.rule);
    Ok((TenantId::new(tenant).map_err(invalid)?, TaskId::new(task).map_err(invalid)?))
}
