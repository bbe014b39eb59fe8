//! Summaries beside a naive model.

use tollgate_domain::zone::{Calendar, Grain};

use super::*;

proptest! {
    /// By any dimensions and periods, page by page, in one part or in two: what all events add up to.
    #[test]
    fn a_summary_is_what_all_events_add_up_to(
        said in prop::collection::vec(said(), 0..30),
        by in prop::sample::subsequence(vec!["model", "task", "session", "team", "tier", "phase"], 0..3),
        grain in select(vec![None, Some((Grain::Hour, "UTC")), Some((Grain::Day, "UTC")), Some((Grain::Day, "Asia/Kolkata"))]),
        nth in any::<prop::sample::Index>(),
        limit in 1..5_usize,
    ) {
        let (mut rows, mut others) = (Rows::new(), Rows::new());
        let events: Vec<Stored> = said.iter().map(Said::stored).collect();
        for event in &events {
            let part = if event.task == "T-1" { &mut rows } else { &mut others };
            Spending.apply(&event.recorded(), part).unwrap();
        }
        let mut grouping = Grouping {
            ask: nth.get(&asks()).clone(),
            by: by.iter().map(|name| name.parse().unwrap()).collect(),
            periods: grain.map(|(grain, zone)| (grain, zone.parse().unwrap())),
            after: None,
            limit,
        };
        let (expected, total) = grouped(&events, &grouping);
        let mut found = Vec::new();
        loop {
            let mut page = summed(&rows, &grouping);
            page.merge(summed(&others, &grouping), limit);
            prop_assert_eq!(&page.total, &total);
            prop_assert_eq!(page.groups.len() <= limit, true);
            found.extend(page.groups);
            if !page.more {
                break;
            }
            grouping.after = found.last().map(|(key, _)| key.clone());
        }
        prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }
}

fn summed(rows: &Rows, grouping: &Grouping) -> Summary {
    let (mut summing, cells) = Summing::of("acme", grouping);
    for cells in cells {
        let from = cells.after(&summing).unwrap_or_else(|| cells.prefix().to_vec());
        for (key, row) in rows.range(from..) {
            if !key.starts_with(cells.prefix()) || !summing.add(&cells, key, row) {
                break;
            }
        }
    }
    summing.summary()
}

fn grouped(events: &[Stored], grouping: &Grouping) -> (BTreeMap<GroupKey, UsageSums>, UsageSums) {
    let (mut groups, mut total) = (BTreeMap::<GroupKey, UsageSums>::new(), UsageSums::default());
    let mut calendar = grouping.periods.clone().map(|(grain, zone)| Calendar::new(zone, grain));
    for event in events {
        let recorded = event.recorded();
        let usage = counted(&recorded).unwrap();
        for (quarter, sums) in usage.parts() {
            let at = Timestamp::from_micros(quarter * 1_000_000).unwrap();
            let SpentAsk { scope, from, to } = &grouping.ask;
            let in_window = from.is_none_or(|from| from <= at) && to.is_none_or(|to| at < to);
            if !in_window || !scope.contains(&usage.dimensions) {
                continue;
            }
            let period = calendar.as_mut().map(|calendar| calendar.period_of(at));
            let values = grouping.by.iter().map(|by| usage.dimensions.get(by).map(str::to_owned)).collect();
            groups.entry(GroupKey { period, values }).or_default().add(sums);
            total.add(sums);
        }
    }
    (groups, total)
}
