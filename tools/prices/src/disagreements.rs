//! The table of what LiteLLM's map and genai-prices disagree on, priced as an update of prices does it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use tollgate_domain::money::Usd;
use tollgate_domain::price::{Listed, ModelName, TOLERANCE, UsagePoint, moments_of_a_week};
use tollgate_domain::time::Timestamp;
use tollgate_price_sources::{Kind, Request};

use crate::causes::{self, Cause};
use crate::genai;
use crate::packages::Packages;

/// Entries of the map that genai-prices has a price for too, by what comes of comparing both.
#[derive(Default)]
struct Counts {
    same: usize,
    close: usize,
    apart: usize,
    /// They say nothing about the same point.
    unlike: usize,
    /// Of all these, only one list says what cached input costs.
    one_caches: usize,
}

/// An entry on which the lists disagree.
struct Row<'a> {
    entry: &'a str,
    /// By point: both costs, where they are furthest apart.
    points: BTreeMap<&'static str, (Usd, Usd)>,
    causes: BTreeSet<Cause>,
    why: String,
}

#[derive(Default)]
struct Provider<'a> {
    counts: Counts,
    rows: Vec<Row<'a>>,
    only_litellm: usize,
    only_genai: usize,
}

/// The page as Markdown.
pub(crate) fn page(packages: &Packages, at: &str) -> Result<String, String> {
    let time: Timestamp =
        at.parse().map_err(|_| format!("--at `{at}`: must be a time like 2026-11-28T12:00:00Z"))?;
    let none = BTreeSet::new();
    let map = Kind::LiteLlm.adapter().read(&packages.litellm, &Request { models: &none, at: time });
    let map = map.map_err(|error| error.to_string())?;
    let names: BTreeSet<ModelName> = map.iter().map(|listed| listed.model.clone()).collect();
    let list = genai::read(&packages.genai, &names, time)?;
    let moments = moments_of_a_week(time);
    let mut providers: BTreeMap<&str, Provider<'_>> = BTreeMap::new();
    for listed in &map {
        let provider = providers.entry(&listed.model.provider).or_default();
        match list.get(&listed.model) {
            Some(theirs) => provider.compare(listed, theirs, &moments),
            None => provider.only_litellm += 1,
        }
    }
    for name in list.keys().filter(|name| !names.contains(name)) {
        providers.entry(&name.provider).or_default().only_genai += 1;
    }
    Ok(written(&providers, &packages.versions, at))
}

impl<'a> Provider<'a> {
    fn compare(&mut self, ours: &'a Listed, theirs: &Listed, moments: &[Timestamp]) {
        // What depends on the hour is compared at the hours of a week, the others at one moment.
        let moments = if ours.has_hours() || theirs.has_hours() { moments } else { &moments[..1] };
        let (own, other) = (ours.costs(moments), theirs.costs(moments));
        let caches = |costs: [Option<Usd>; 5]| {
            UsagePoint::ALL.iter().zip(costs).any(|(point, cost)| point.cached > 0 && cost.is_some())
        };
        self.counts.one_caches += usize::from(caches(own.first()) != caches(other.first()));
        if !own.is_comparable(&other) {
            self.counts.unlike += 1;
        } else if own.agrees(&other, 0) {
            self.counts.same += 1;
        } else if own.agrees(&other, TOLERANCE) {
            self.counts.close += 1;
        } else {
            self.counts.apart += 1;
            let mut points: BTreeMap<&'static str, (Usd, Usd)> = BTreeMap::new();
            let apart = |(one, other): (Usd, Usd)| one.units().abs_diff(other.units());
            for (point, one, other) in own.apart(&other, TOLERANCE) {
                let most = points.entry(point).or_insert((one, other));
                if apart((one, other)) > apart(*most) {
                    *most = (one, other);
                }
            }
            let (causes, why) = causes::of(ours, theirs);
            self.rows.push(Row { entry: &ours.entry, points, causes, why });
        }
    }
}

fn written(providers: &BTreeMap<&str, Provider<'_>>, versions: &str, at: &str) -> String {
    let sum = |of: fn(&Provider<'_>) -> usize| providers.values().map(of).sum::<usize>();
    let (same, close) = (sum(|one| one.counts.same), sum(|one| one.counts.close));
    let (apart, unlike) = (sum(|one| one.counts.apart), sum(|one| one.counts.unlike));
    let both = same + close + apart + unlike;
    let mut text = format!(
        "# Where two public lists of prices disagree\n\n\
         Made from {versions}, with the prices of {at}. Not edited by hand. To make it again, with `DIR` outside of this tree:\n\n\
         ```sh\n\
         pip install --no-deps --target DIR litellm genai-prices\n\
         cargo run --package tollgate-prices -- disagreements --packages DIR --at {at}\n\
         ```\n\n\
         Both lists are read and compared as [`tollgate prices update`](../guides/prices.md) does it: by what a model costs at five usage points. Two\n\
         costs agree within {TOLERANCE} % of the larger. Points about which only one list says something are not compared: {} of the models below have a\n\
         price of cached input in one list only. Prices of certain hours are compared at 14 moments of a week.\n\n\
         | models | |\n|---|---|\n\
         | in both lists | {both} |\n\
         | the same cost at all points | {same} |\n\
         | within {TOLERANCE} % at all points | {close} |\n\
         | **the lists disagree** | **{apart}** |\n\
         | no point that both price | {unlike} |\n\
         | only LiteLLM's map has a price | {} |\n\
         | only genai-prices has a price under that name | {} |\n\n\
         A model is an entry of LiteLLM's map: a region of a provider or a dated snapshot is a model of its own. genai-prices names models by patterns, so\n\
         one of its prices can belong to several of them.\n\n",
        sum(|one| one.counts.one_caches),
        sum(|one| one.only_litellm),
        sum(|one| one.only_genai),
    );
    let mut line = |values: std::fmt::Arguments<'_>| {
        text.write_fmt(values).expect("writing to a String cannot fail");
    };
    let rows = || providers.values().flat_map(|provider| &provider.rows);
    line(format_args!(
        "## Causes\n\nWhat differs, as far as the rates say it. A model may have several causes.\n\n| cause | models |\n|---|---|\n"
    ));
    let causes: BTreeSet<Cause> = rows().flat_map(|row| row.causes.iter().copied()).collect();
    for cause in causes {
        let models = rows().filter(|row| row.causes.contains(&cause)).count();
        line(format_args!("| {} | {models} |\n", cause.as_str()));
    }
    line(format_args!(
        "\n## Providers\n\n| provider | in both | the same | within {TOLERANCE} % | disagree |\n|---|---|---|---|---|\n"
    ));
    for (name, Provider { counts, .. }) in providers {
        let Counts { same, close, apart, unlike, .. } = counts;
        let both = same + close + apart + unlike;
        if both > 0 {
            line(format_args!("| {name} | {both} | {same} | {close} | {apart} |\n"));
        }
    }
    let points: Vec<&str> = UsagePoint::ALL.iter().map(|point| point.name).collect();
    line(format_args!(
        "\n## Models\n\nUS dollars: LiteLLM's map, genai-prices, and by how much the second is above or below the first. Empty: they agree, or only one has a price.\n"
    ));
    for (name, provider) in providers.iter().filter(|(_, provider)| !provider.rows.is_empty()) {
        let (heads, lines) = (points.join(" | "), "---|".repeat(points.len()));
        line(format_args!("\n### {name}\n\n| model | {heads} | cause |\n|---|{lines}---|\n"));
        for row in &provider.rows {
            let cell = |point: &&str| match row.points.get(*point) {
                Some((one, other)) => format!("{one} / {other} ({})", causes::percent(*one, *other)),
                None => String::new(),
            };
            let cells: Vec<String> = points.iter().map(cell).collect();
            line(format_args!("| `{}` | {} | {} |\n", row.entry, cells.join(" | "), row.why));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = r#"{
        "m": {"litellm_provider": "one", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
        "m-2026-01-02": {"litellm_provider": "one", "input_cost_per_token": 2e-6, "output_cost_per_token": 2e-6},
        "close": {"litellm_provider": "one", "input_cost_per_token": 1e-6, "cache_read_input_token_cost": 1e-7},
        "speaker": {"litellm_provider": "one", "output_cost_per_token": 1e-6},
        "two/alone": {"litellm_provider": "two", "input_cost_per_token": 1e-6}}"#;

    const LIST: &str = r#"[{"id": "one", "models": [
        {"id": "m", "match": {"starts_with": "m"}, "prices": {"input_mtok": 1, "output_mtok": 2}},
        {"id": "close", "match": {"equals": "close"}, "prices": {"input_mtok": 1.05}},
        {"id": "speaker", "match": {"equals": "speaker"}, "prices": {"input_mtok": 1}},
        {"id": "other", "match": {"equals": "other"}, "prices": {"input_mtok": 1}}]}]"#;

    #[test]
    fn every_model_is_counted_once_and_disagreements_are_told_by_point() {
        let packages = Packages {
            litellm: MAP.to_owned(),
            genai: LIST.to_owned(),
            versions: "litellm 1 and genai-prices 2".to_owned(),
        };
        let page = page(&packages, "2026-11-28T12:00:00Z").unwrap();
        for line in [
            "Made from litellm 1 and genai-prices 2, with the prices of 2026-11-28T12:00:00Z.",
            "| in both lists | 4 |",
            "| the same cost at all points | 1 |",
            "| within 5 % at all points | 1 |",
            "| **the lists disagree** | **1** |",
            "| no point that both price | 1 |",
            "| only LiteLLM's map has a price | 1 |",
            "| only genai-prices has a price under that name | 1 |",
            "| rate of input | 1 |",
            "| one | 4 | 1 | 1 | 1 |",
            "| `m-2026-01-02` | 0.2 / 0.1 (−50 %) |  |  | 0.6 / 0.3 (−50 %) |  | input −50 % |",
        ] {
            assert!(page.contains(line), "{line} in {page}");
        }
        assert!(page.contains("1 of the models below have a"), "{page}");
        assert!(super::page(&packages, "noon").unwrap_err().contains("--at `noon`"));
    }
}
