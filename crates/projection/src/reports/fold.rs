//! From recorded events to cells.

use std::collections::BTreeMap;

use tollgate_domain::budget::{AlsoNamed, Dimensions};
use tollgate_domain::event::{
    BillEvent, EventBody, LedgerEvent, RecordedEvent, ReportEvent, TaskEvent, TaskOutcome, UsageEvent,
};
use tollgate_domain::money::Usd;
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenSums;
use tollgate_domain::units::UnitSums;
use tollgate_domain::usage::{
    Cost, NamedExecution, UnitTally, Unpriced, UsageAdjusted, UsageRecorded, UsageRepriced,
};
use tollgate_domain::zone::quarter;

use super::cell::{
    Cell, CellKey, DAY_CELLS, DAY_S, QUARTER_CELLS, QuarterKey, ReportRow, day_of, move_key, task_count_key,
    task_sums_key,
};
use super::class::{Class, TaskSums};
use super::labels::Labels;
use super::{Reports, access, bills, class, configs, early, in_force, prices};
use crate::fold::{Projection, Rows};

impl Projection for Reports {
    const NAME: &'static str = "reports";
    const VERSION: u32 = 15;
    type Row = ReportRow;
    type Kept = ();
    type Live = ();

    fn apply<R: Rows<ReportRow>>(&self, event: &RecordedEvent<'_>, rows: &mut R) -> Result<(), R::Error> {
        if let EventBody::Report(ReportEvent::ReportRead(read)) = event.body {
            return access::note(rows, event, read);
        }
        if let EventBody::Bill(BillEvent::BillDayRecorded(day)) = event.body {
            return bills::note(rows, event, day);
        }
        if let EventBody::Ledger(LedgerEvent::ConfigLoaded(loaded)) = event.body {
            configs::note(rows, loaded)?;
            return in_force::note(rows, event);
        }
        if let EventBody::Ledger(LedgerEvent::PriceBookLoaded(_)) = event.body {
            return in_force::note(rows, event);
        }
        if let EventBody::Price(decided) = event.body {
            return prices::note(rows, event, decided);
        }
        if !event.concerns_task() {
            return Ok(());
        }
        early::note(rows, event)?;
        let key = task_sums_key(event.tenant, event.task);
        let mut is_first = false;
        let new = || {
            is_first = true;
            ReportRow::Task(Box::default())
        };
        let ReportRow::Task(task) = rows.change(&key, new)? else {
            return Ok(());
        };
        // Usage is counted under the tiers that were in force when it was recorded.
        let tiers = task.tiers;
        let (added, counted) = task_changed(task, event);
        let class = task.tiers;
        if is_first
            && let ReportRow::TaskCount(count) = rows
                .change(&task_count_key(event.recorded_at.day(), event.tenant), || ReportRow::TaskCount(0))?
        {
            *count = count.saturating_add(1);
        }
        for (key, cell) in counted.into_iter().flatten() {
            count(rows, event, CellKey { tiers, ..key }, &cell)?;
        }
        let Some((complexity, importance)) = class else { return Ok(()) };
        class::add(rows, &Class { tenant: event.tenant, complexity, importance }, &added)
    }
}

/// What an event adds to the cell of its time, and, if that is another one, to that of the usage it is about.
type Counted<'a> = [Option<(CellKey<'a>, Cell)>; 2];

/// Folds an event into the sums of its task; returns what that adds to the task's class, and to cells.
fn task_changed<'a>(task: &mut TaskSums, event: &RecordedEvent<'a>) -> (Vec<class::Added>, Counted<'a>) {
    match event.body {
        EventBody::Task(TaskEvent::TaskOpened(opened)) => {
            let tiers = opened.limits.as_ref().map(|limits| (limits.complexity, limits.importance));
            (task.opened(tiers), [None, None])
        }
        EventBody::Usage(UsageEvent::UsageRecorded(usage)) => {
            let (key, cell) = usage_cell(event, usage);
            (task.used(phase_of(usage.execution.as_ref()), cell.tokens.total()), [Some((key, cell)), None])
        }
        EventBody::Usage(UsageEvent::UsageAdjusted(adjusted)) => {
            let (key, cell) = adjustment_cell(event, adjusted);
            let execution = adjusted.resolved.as_ref().and_then(|resolved| resolved.execution.as_ref());
            let added = task.used(phase_of(execution), cell.tokens.total());
            (added, with_unpriced(key, cell, adjusted.used_at(), adjusted.unpriced()))
        }
        EventBody::Usage(UsageEvent::UsageRepriced(repriced)) => {
            let (key, cell) = repriced_cell(event, repriced);
            let priced = repriced.newly_priced().negated();
            (Vec::new(), with_unpriced(key, cell, Some(repriced.used_at), priced))
        }
        EventBody::Task(TaskEvent::PhaseStarted(started)) => {
            task.started(started.phase.as_str(), event.occurred_at);
            (Vec::new(), [None, None])
        }
        EventBody::Task(TaskEvent::PhaseEnded(ended)) => {
            (task.ended(ended.phase.as_str(), event.occurred_at), [None, None])
        }
        EventBody::Task(TaskEvent::TaskClosed(closed)) if closed.outcome == TaskOutcome::Completed => {
            (task.completed(), [None, None])
        }
        EventBody::Task(
            TaskEvent::TaskClosed(_)
            | TaskEvent::OverrideGranted(_)
            | TaskEvent::ImportanceChanged(_)
            | TaskEvent::TaskMarked(_),
        )
        | EventBody::Ledger(_)
        | EventBody::Price(_)
        | EventBody::Usage(
            UsageEvent::WaitRecorded(_) | UsageEvent::SignalRecorded(_) | UsageEvent::PhaseExplained(_),
        )
        | EventBody::Gate(_)
        | EventBody::Alert(_)
        | EventBody::Inbox(_)
        | EventBody::Budget(_)
        | EventBody::Bill(_)
        | EventBody::Key(_)
        | EventBody::Report(_) => (Vec::new(), [None, None]),
    }
}

fn phase_of(execution: Option<&NamedExecution>) -> Option<&str> {
    execution.map(|execution| execution.phase.as_str())
}

/// Counts usage where queries look for it: by UTC day, by quarter of an hour, and by quarter and tenant
/// alone. A report for a time range adds up its whole days, plus quarters at its ends; one by the days of a
/// zone reads one row per quarter and tenant.
fn count<R: Rows<ReportRow>>(
    rows: &mut R,
    event: &RecordedEvent<'_>,
    key: CellKey<'_>,
    sums: &Cell,
) -> Result<(), R::Error> {
    // A correction of usage that was not found takes nothing away.
    if *sums == Cell::default() {
        return Ok(());
    }
    let (from, recorded) = (key.from, event.recorded_at.day());
    // Most usage is recorded on the day it happens: then the keys are no longer, and no more of them.
    let recorded = Some(recorded).filter(|day| *day != day_of(from));
    let key = CellKey { recorded, ..key };
    let day = from.saturating_sub(from.rem_euclid(DAY_S));
    let at = Timestamp::from_micros(from.saturating_mul(1_000_000)).unwrap_or_default();
    // The quarter of an hour in which it counts may have begun before the time that is ahead.
    let at = if from == quarter(event.occurred_at) { event.occurred_at } else { at };
    let ahead = at.skew_ms(event.recorded_at).is_some_and(|ms| ms > 0);
    let mut bytes = CellKey { from: day, ..key }.to_bytes(DAY_CELLS);
    add(rows, &bytes, sums)?;
    move_key(&mut bytes, QUARTER_CELLS, from);
    add(rows, &bytes, sums)?;
    add(rows, &QuarterKey { from, ahead, recorded, tenant: key.tenant }.to_bytes(), sums)
}

fn add<R: Rows<ReportRow>>(rows: &mut R, key: &[u8], sums: &Cell) -> Result<(), R::Error> {
    let row = rows.change(key, || ReportRow::Cell(Cell::default()))?;
    if let ReportRow::Cell(cell) = row {
        cell.add(sums);
    }
    Ok(())
}

fn usage_cell<'a>(event: &RecordedEvent<'a>, usage: &'a UsageRecorded) -> (CellKey<'a>, Cell) {
    // As budgets count it: what it does not say, its allocation says.
    let counts = usage.dimensions(event.task);
    let key = CellKey {
        service_tier: usage.service_tier.as_deref().unwrap_or_default(),
        price_version: price_version(&usage.cost),
        ..key(event, &counts)
    };
    let tokens = TokenSums::from(usage.tokens);
    let estimated_tokens = if usage.estimated { tokens.total() } else { 0 };
    let cell =
        without_price(costed(tokens, UnitSums::from(&usage.units), usage.cost.usd()), usage.unpriced());
    (key, Cell { usage_events: 1, estimated_tokens, ..cell })
}

/// A correction counts on the day it was made: a closed month keeps its reported figures. What it says of tokens
/// without a price is added by [`with_unpriced`].
fn adjustment_cell<'a>(event: &RecordedEvent<'a>, adjusted: &'a UsageAdjusted) -> (CellKey<'a>, Cell) {
    let counted = adjusted.counted();
    let Some(resolved) = &adjusted.resolved else {
        return (key(event, &nothing_said()), costed(counted.tokens, counted.units, Usd::ZERO));
    };
    let counts = resolved.dimensions(event.task);
    let key = CellKey {
        service_tier: resolved.service_tier.as_deref().unwrap_or_default(),
        price_version: price_version(&resolved.cost),
        corrects: resolved.occurred_at.map(quarter),
        ..key(event, &counts)
    };
    (key, costed(counted.tokens, counted.units, resolved.cost.usd()))
}

fn price_version(cost: &Cost) -> &str {
    match cost {
        Cost::Priced { price_version, .. } => price_version,
        Cost::Unpriced => "",
    }
}

/// Usage that was priced again counts where the usage does, but when it was priced: a closed month keeps its
/// reported figures.
fn repriced_cell<'a>(event: &RecordedEvent<'a>, repriced: &'a UsageRepriced) -> (CellKey<'a>, Cell) {
    let counts = repriced.dimensions(event.task);
    let key = CellKey {
        producer: &repriced.adjusts_producer,
        price_version: price_version(&repriced.new),
        corrects: Some(quarter(repriced.used_at)),
        ..key(event, &counts)
    };
    let priced = repriced.newly_priced();
    let newly_priced = if priced.is_nothing() { Usd::ZERO } else { repriced.difference() };
    let cell = costed(TokenSums::default(), UnitSums::default(), repriced.difference());
    (key, Cell { newly_priced, ..cell })
}

/// The cell of a correction, and what the correction adds to what has no price: that is told of the usage, in the
/// time of the usage and with usage that has no price, so that a price for earlier usage hides nothing of later usage.
fn with_unpriced<'a>(
    key: CellKey<'a>,
    cell: Cell,
    used_at: Option<Timestamp>,
    unpriced: Unpriced,
) -> Counted<'a> {
    if unpriced.is_nothing() {
        return [Some((key, cell)), None];
    }
    match used_at {
        None => [Some((key, without_price(cell, unpriced))), None],
        Some(at) => {
            let of = CellKey { from: quarter(at), price_version: "", corrects: None, ..key };
            [Some((key, cell)), Some((of, without_price(Cell::default(), unpriced)))]
        }
    }
}

fn costed(tokens: TokenSums, used: UnitSums, cost: Usd) -> Cell {
    Cell { tokens, cost, units: UnitTally { used, unpriced: UnitSums::default() }, ..Cell::default() }
}

fn without_price(cell: Cell, unpriced: Unpriced) -> Cell {
    let units = UnitTally { unpriced: unpriced.units, ..cell.units };
    Cell { unpriced_tokens: unpriced.tokens, units, ..cell }
}

/// Of a correction of usage that was not found.
const fn nothing_said() -> Dimensions<'static> {
    static NO_LABELS: BTreeMap<String, String> = BTreeMap::new();
    let also = AlsoNamed { provider: None, model: None };
    Dimensions {
        task: "",
        phase: None,
        component: None,
        provider: None,
        model: None,
        labels: &NO_LABELS,
        also,
    }
}

/// Who served the model: as usage says, in the spelling of price books; if it says nothing, as the price book knows.
fn provider<'a>(counts: &Dimensions<'a>) -> Option<&'a str> {
    let same = |ours: &&str| counts.provider.is_none_or(|own| own.eq_ignore_ascii_case(ours));
    counts.also.provider.filter(same).or(counts.provider)
}

fn key<'a>(event: &RecordedEvent<'a>, counts: &Dimensions<'a>) -> CellKey<'a> {
    CellKey {
        from: quarter(event.occurred_at),
        tenant: event.tenant,
        producer: event.producer,
        component: counts.component.unwrap_or_default(),
        provider: provider(counts).unwrap_or_default(),
        model: counts.model.unwrap_or_default(),
        phase: counts.phase.unwrap_or_default(),
        tiers: None,
        service_tier: "",
        price_version: "",
        corrects: None,
        recorded: None,
        labels: Labels::Of(counts.labels),
    }
}
