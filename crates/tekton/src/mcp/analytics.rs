//! Usage added up, with its course over time.

use std::sync::Arc;

use tollgate_client::SummaryQuery;
use tollgate_domain::zone::Grain;

use crate::app::Tekton;
use crate::ask::records::Wanted;
use crate::ask::sums::{Added, Sums, span};
use crate::ask::times::range;
use crate::fault::Handled;
use crate::fields::Fields;
use crate::json::{Json, object};
use crate::names::period;

pub(super) async fn analytics(app: &Arc<Tekton>, read: &mut Fields) -> Handled<Json> {
    let named = read.filled("period").unwrap_or_else(|| "daily".to_owned());
    let mut wanted = Wanted::default();
    for name in ["provider", "model", "component", "task_type"] {
        wanted = wanted.with(name, read.filled(name));
    }
    let zone = &app.options.zone;
    let times = range(read, ("start_date", "end_date"), zone);
    read.done()?;
    let is_custom = times.0.is_some() && times.1.is_some();
    let period = if is_custom { "custom" } else { period(&named)? };
    (wanted.since, wanted.until) = span(zone, period, times, app.now());
    let added = app.added(&wanted).await?;
    let series = series(app, &wanted, period).await?;
    let totals = &added.totals;
    Ok(object! {
        "period" => period,
        "start_date" => wanted.since,
        "end_date" => wanted.until,
        "total_input_tokens" => totals.input,
        "total_output_tokens" => totals.output,
        "total_tokens" => totals.total,
        "total_cost" => totals.cost,
        "record_count" => totals.count,
        "providers" => providers(&added),
        "components" => by(&added, 2),
        "task_types" => by(&added, 3),
        "time_series" => series,
        "budget_id" => Json::Null,
    })
}

fn by(added: &Added, nth: usize) -> Json {
    Json::Object(added.by([nth]).into_iter().map(|([name], sums)| (name, sums.json())).collect())
}

fn providers(added: &Added) -> Json {
    let models = added.by([0, 1]);
    let told = added.by([0]).into_iter().map(|([provider], sums)| {
        let own = models.iter().filter(|([of, _], _)| *of == provider);
        let own = own.map(|([_, model], sums)| (model.clone(), sums.json())).collect();
        (provider, sums.json().with("models", Json::Object(own)))
    });
    Json::Object(told.collect())
}

/// Hours of a day, days of anything longer; `null` where nothing was used.
async fn series(app: &Tekton, wanted: &Wanted, period: &str) -> Handled<Json> {
    let grain = if matches!(period, "hourly" | "daily") { Grain::Hour } else { Grain::Day };
    let query = SummaryQuery {
        by: Some(grain.as_str().to_owned()),
        time_zone: Some(app.options.zone.name().to_owned()),
        ..wanted.sums("")
    };
    let (groups, _) = app.groups(query).await?;
    if groups.is_empty() {
        return Ok(Json::Null);
    }
    let sums: Vec<Sums> = groups.iter().map(|group| Sums::of(&group.totals)).collect();
    let labels: Vec<String> = groups.into_iter().filter_map(|group| group.period).collect();
    Ok(object! {
        "labels" => labels,
        "input_tokens" => sums.iter().map(|it| it.input).collect::<Vec<_>>(),
        "output_tokens" => sums.iter().map(|it| it.output).collect::<Vec<_>>(),
        "costs" => sums.iter().map(|it| it.cost).collect::<Vec<_>>(),
        "counts" => sums.iter().map(|it| it.count).collect::<Vec<_>>(),
    })
}
