//! Usage: recorded, listed, added up.

use std::collections::BTreeMap;

use tollgate_client::SummaryQuery;
use tollgate_domain::time::Timestamp;

use super::Asked;
use crate::act::usage::UsageReport;
use crate::ask::records::Wanted;
use crate::ask::summary::Wanted as WantedSummary;
use crate::ask::sums::{Added, Sums, UNSAID, percent_of, span, values};
use crate::ask::times::{grain, period_of_time, quarter_after, quarter_before, range, window};
use crate::fault::{Answer, Handled};
use crate::fields::Fields;
use crate::json::{Json, object};
use crate::names::{DEFAULT_TASK_TYPE, period, task_of, tier};
use crate::number::Share;
use crate::views::paged;
use crate::views::usage::usage;

/// How many days a chart shows that does not say.
const DAYS: u64 = 30;

/// `POST /usage/record`.
pub(super) async fn record(asked: Asked) -> Handled {
    let mut read = asked.fields()?;
    let spent = UsageReport {
        id: Some(asked.id("usage")),
        context: read.filled("context_id"),
        allocation: read.filled("allocation_id"),
        component: read.needed("component"),
        provider: read.needed("provider"),
        model: read.needed("model"),
        task_type: read.filled("task_type").unwrap_or_else(|| DEFAULT_TASK_TYPE.to_owned()),
        input: read.needed_whole("input_tokens"),
        output: read.needed_whole("output_tokens"),
        estimated: false,
        operation: read.filled("operation_id"),
        request: read.filled("request_id"),
        user: read.filled("user_id"),
        metadata: read.object("metadata"),
    };
    read.done()?;
    let recorded = asked.app.spend(spent).await?;
    Ok(Answer::created(usage(&recorded, asked.app.costs(&recorded).await)))
}

/// What a request filters by, in the ledger's dimensions.
fn filters(read: &mut Fields) -> Wanted {
    let context = read.text("context_id").map(|context| task_of(&context));
    let mut wanted =
        Wanted { allocation: read.text("allocation_id"), ..Wanted::default() }.with("task", context);
    for name in ["component", "provider", "model", "task_type"] {
        wanted = wanted.with(name, read.text(name));
    }
    wanted
}

/// `GET /usage/records`: the latest first; without dates those of today.
pub(super) async fn list(mut asked: Asked) -> Handled {
    let page = asked.query.page();
    let mut wanted = filters(&mut asked.query);
    let zone = &asked.app.options.zone;
    (wanted.since, wanted.until) = range(&mut asked.query, ("start_date", "end_date"), zone);
    asked.query.done()?;
    if wanted.since.is_none() && wanted.until.is_none() {
        wanted.since = window("daily", zone, asked.app.now()).map(|today| today.from);
    }
    let (records, total) = asked.app.records(&wanted, page).await?;
    let told = paged(asked.app.told(&records).await, total, page);
    Ok(Answer::ok(told.with("top_usage", asked.app.top_usage(&wanted).await?)))
}

/// `GET /usage/records/{id}`.
pub(super) async fn one(asked: Asked, id: String) -> Handled {
    let found = asked.app.record(&id).await?;
    Ok(Answer::ok(usage(&found, asked.app.costs(&found).await)))
}

/// `POST /usage/summary`: the sums of a period, in all the forms that they are read in.
pub(super) async fn sums(asked: Asked) -> Handled {
    let mut read = asked.fields()?;
    let named = read.needed("period");
    let budget = read.filled("budget_id");
    let days = read.within_bounds("days", (1, 366), DAYS);
    let mut wanted = filters(&mut read);
    let app = &asked.app;
    let times = range(&mut read, ("start_time", "end_time"), &app.options.zone);
    read.done()?;
    let period = period(&named)?;
    if let Some(budget) = &budget {
        app.budget(budget).await?;
    }
    (wanted.since, wanted.until) = span(&app.options.zone, period, times, app.now());
    let added = app.added(&wanted).await?;
    let daily = app.daily(&wanted, days).await?;
    let totals = &added.totals;
    let sums = object! {
        "period" => period,
        "total_input_tokens" => totals.input,
        "total_output_tokens" => totals.output,
        "total_tokens" => totals.total,
        "total_cost" => totals.cost,
        "count" => totals.count,
        "start_time" => wanted.since,
        "end_time" => wanted.until,
        "groups" => groups(&added),
        "input_tokens" => totals.input,
        "output_tokens" => totals.output,
        "providers" => providers(&added),
        "models" => models(&added),
        "components" => components(&added),
        "daily_usage" => daily,
    };
    Ok(Answer::ok(sums))
}

fn groups(added: &Added) -> Json {
    let by = |nth: usize| {
        let groups = added.by([nth]).into_iter().map(|([name], sums)| (name, sums.json()));
        Json::Object(groups.collect())
    };
    if added.rows.is_empty() {
        return Json::Object(Vec::new());
    }
    object! { "provider" => by(0), "model" => by(1), "component" => by(2), "task_type" => by(3) }
}

fn providers(added: &Added) -> Vec<Json> {
    let told = added.by([0]).into_iter().map(|([provider], sums)| {
        object! {
            "provider" => &provider,
            "name" => &provider,
            "tokens" => sums.total,
            "cost" => sums.cost,
            "percentage" => percent_of(&sums, &added.totals),
        }
    });
    told.collect()
}

fn models(added: &Added) -> Vec<Json> {
    let told = added.by([0, 1]).into_iter().map(|([provider, model], sums)| {
        object! {
            "provider" => provider,
            "model" => &model,
            "name" => &model,
            "tokens" => sums.total,
            "cost" => sums.cost,
            "percentage" => percent_of(&sums, &added.totals),
        }
    });
    told.collect()
}

fn components(added: &Added) -> Vec<Json> {
    let told = added.by([2]).into_iter().map(|([name], sums)| {
        object! { "name" => name, "tokens" => sums.total, "cost" => sums.cost }
    });
    told.collect()
}

/// `GET /usage/summary`: how the policies of a period stand.
pub(super) async fn summaries(mut asked: Asked) -> Handled {
    let named = asked.query.text("period").unwrap_or_else(|| "daily".to_owned());
    let mut scope = BTreeMap::new();
    for name in ["tier", "provider", "component"] {
        if let Some(value) = asked.query.text(name) {
            let value = if name == "tier" { tier(&value)?.as_str().to_owned() } else { value };
            scope.insert(name.to_owned(), value);
        }
    }
    asked.query.done()?;
    let wanted = WantedSummary { period: period(&named)?.to_owned(), budget: None, scope };
    let found = asked.app.summaries(&wanted).await?;
    // The command line has words of its own for what is absent.
    let told: Vec<Json> = found.iter().map(|it| it.json(Share::Fraction).without_nulls()).collect();
    Ok(Answer::ok(told))
}

/// `GET /usage/analytics`: one row for each bucket of time and provider, model and component.
pub(super) async fn analytics(mut asked: Asked) -> Handled {
    let named = asked.query.needed("period");
    let mut wanted = filters(&mut asked.query);
    let zone = &asked.app.options.zone;
    (wanted.since, wanted.until) = range(&mut asked.query, ("start_date", "end_date"), zone);
    asked.query.done()?;
    let period = period_of_time(&named)?;
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let query = SummaryQuery {
        scope: wanted.scope.clone(),
        group_by: Some("provider,model,component".to_owned()),
        by: grain(period).map(|grain| grain.as_str().to_owned()),
        time_zone: Some(zone.name().to_owned()),
        since: text(wanted.since.map(quarter_before)),
        until: text(wanted.until.map(quarter_after)),
        ..SummaryQuery::default()
    };
    let (groups, _) = asked.app.groups(query).await?;
    let rows = groups.iter().map(|group| {
        let [provider, model, component] = values(group, ["provider", "model", "component"]);
        let sums = Sums::of(&group.totals);
        object! {
            "date" => group.period.clone().unwrap_or_else(|| UNSAID.to_owned()),
            "provider" => provider,
            "model" => model,
            "component" => component,
            "request_count" => sums.count,
            "input_tokens" => sums.input,
            "output_tokens" => sums.output,
            "total_cost" => sums.cost,
        }
    });
    Ok(Answer::ok(rows.collect::<Vec<_>>()))
}
