//! Recording what providers billed.

use std::collections::BTreeMap;

use tollgate_domain::event::{BillDayRecorded, BillLine, EventBody};
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::money::Usd;
use tollgate_domain::position::Sequence;
use tollgate_domain::time::{Day, Timestamp};
use tollgate_log::contract::AppendOutcome;
use tollgate_projector::queries::BillsOf;
use tollgate_wire::api::{BillLineView, BillRequest, BillResponse};

use super::Operations;
use crate::asked::tenant;
use crate::ledger::keyed::{Keyed, append_named};
use crate::ledger::own::own;
use crate::problem::{Answer, INVALID};

/// The most days that one bill covers: all of it is one record of the log.
const MOST_DAYS: i32 = 366;

/// The longest name of a provider or an account, in bytes.
const LONGEST_NAME: usize = 200;

/// The longest name of a model, or of where a bill came from, in bytes.
const LONGEST_TEXT: usize = 2000;

impl Operations {
    /// Records a bill, all of it or nothing: a day that was recorded before with the same content changes
    /// nothing, and another one takes the place of what was recorded for the account. On return it is as durable
    /// as the log says.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn record_bill(&self, request: &BillRequest) -> Answer<BillResponse> {
        let named = tenant(request.tenant.as_deref());
        let tenant = TenantId::new(named).map_err(|error| INVALID.of_field("tenant", named, error.rule))?;
        let provider = name("provider", &request.provider, 1, LONGEST_NAME)?;
        let account = name("account", request.account.as_deref().unwrap_or_default(), 0, LONGEST_NAME)?;
        let source = name("source", request.source.as_deref().unwrap_or_default(), 0, LONGEST_TEXT)?;
        let (days, amount) = by_day(&request.lines)?;
        let ends = days.keys().next().zip(days.keys().next_back());
        let (from, to) = ends.map_or((Day(0), Day(0)), |(from, to)| (*from, *to));
        let of = BillsOf {
            tenant: named.to_owned(),
            provider: provider.to_owned(),
            from,
            to: Day(to.0.saturating_add(1)),
            known_on: None,
        };
        let keyed = Keyed::of(&tenant, request.id.as_deref(), "recording a bill", request)?;
        let answer = |recorded: usize, repeated: bool, position: String| BillResponse {
            from: from.to_string(),
            to: to.to_string(),
            recorded_days: recorded as u64,
            known_days: days.len().saturating_sub(recorded) as u64,
            amount_usd: amount.to_string(),
            repeated,
            position,
        };
        if let Some(keyed) = &keyed
            && let Some((_, position)) = keyed.recorded(0, &*self.log, &self.ask).await?
        {
            return Ok(answer(0, true, position.to_string()));
        }
        let in_force = self.ask.bills_in_force(account, &of).await?;
        let (mut events, mut known) = (Vec::with_capacity(days.len()), 0);
        for (nth, (day, lines)) in days.iter().enumerate() {
            let lines = lines.iter().map(|(model, line)| BillLine { model: model.clone(), ..line.clone() });
            let billed = BillDayRecorded {
                provider: provider.to_owned(),
                account: account.to_owned(),
                day: *day,
                source: source.to_owned(),
                lines: lines.collect(),
            };
            let before = in_force.get(day);
            if before.is_some_and(|before| before.source == source && before.lines == billed.lines) {
                known += 1;
                // The log has a key by an event: there is one, also if it says nothing new.
                if keyed.is_none() || nth > 0 {
                    continue;
                }
            }
            let at = Timestamp::from_micros(i64::from(day.0).saturating_mul(86_400_000_000)).ok();
            let id = id_of(&billed, before.map_or(Sequence::ZERO, |before| before.sequence));
            let event = own(&tenant, &TaskId::ledger(), &id, at, EventBody::from(billed));
            events.push(event.map_err(|reason| INVALID.with(format!("lines of {day}: {reason}")))?);
        }
        if events.is_empty() {
            return Ok(answer(0, false, self.ask.end().await?.to_string()));
        }
        let receipt = append_named(&*self.log, &events, keyed.as_ref()).await?;
        let position = receipt.position.to_string();
        if let Some(keyed) = &keyed {
            return Ok(match keyed.is_new(&receipt)? {
                true => answer(days.len().saturating_sub(known), false, position),
                false => answer(0, true, position),
            });
        }
        let appended = receipt.outcomes.iter().filter(|it| matches!(it, AppendOutcome::Appended(_)));
        Ok(answer(appended.count(), false, position))
    }
}

/// The id of a day of a bill: it follows from the content, and from the record whose place it takes. So two who import
/// the same at once record it once, and what was replaced can come back.
fn id_of(billed: &BillDayRecorded, replaces: Sequence) -> String {
    let mut hash = blake3::Hasher::new();
    let mut add = |text: &str| {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    [&billed.provider, &billed.account, &billed.day.to_string(), &billed.source]
        .into_iter()
        .for_each(|text| add(text));
    add(&replaces.0.to_string());
    for line in &billed.lines {
        add(&line.model);
        add(&line.tokens.map(|tokens| tokens.to_string()).unwrap_or_default());
        add(&line.amount.to_string());
    }
    format!("bill-{}", &hash.finalize().to_hex()[..32])
}

/// The lines of each day by model, added up, and the sum of all. Days between the first and the last without lines
/// are there, too.
type Days = BTreeMap<Day, BTreeMap<String, BillLine>>;

fn by_day(lines: &[BillLineView]) -> Answer<(Days, Usd)> {
    let mut days = Days::new();
    let mut sum = Usd::ZERO;
    for (index, line) in lines.iter().enumerate() {
        let field = |name: &str| format!("lines[{index}].{name}");
        let day: Day = line
            .day
            .parse()
            .map_err(|_| INVALID.of_field(&field("day"), &line.day, "must be a day such as 2026-11-21"))?;
        let model = name(&field("model"), &line.model, 1, LONGEST_TEXT)?;
        let amount: Usd = line.amount_usd.parse().map_err(|error: tollgate_domain::money::MoneyError| {
            INVALID.of_field(&field("amount_usd"), &line.amount_usd, &error.to_string())
        })?;
        let large = || {
            INVALID.of_field(&field("amount_usd"), &line.amount_usd, "is too large to be added up exactly")
        };
        sum = sum.checked_add(amount).ok_or_else(large)?;
        let models = days.entry(day).or_default();
        let first = BillLine { model: String::new(), tokens: Some(0), amount: Usd::ZERO };
        let row = models.entry(model.to_owned()).or_insert(first);
        row.tokens = row.tokens.zip(line.tokens).map(|(sum, more)| sum.saturating_add(more));
        row.amount = row.amount.checked_add(amount).ok_or_else(large)?;
    }
    let (Some((&first, _)), Some((&last, _))) = (days.first_key_value(), days.last_key_value()) else {
        return Err(INVALID.of_field("lines", "", "must have at least one line"));
    };
    if last.0.saturating_sub(first.0) >= MOST_DAYS {
        let rule = format!("must cover at most {MOST_DAYS} days: import a bill of each month by itself");
        return Err(INVALID.of_field("lines", &format!("{first} to {last}"), &rule));
    }
    for day in first.0..=last.0 {
        let _ = days.entry(Day(day)).or_default();
    }
    Ok((days, sum))
}

fn name<'a>(field: &str, text: &'a str, shortest: usize, longest: usize) -> Answer<&'a str> {
    let plain = text.trim() == text && !text.chars().any(char::is_control);
    if plain && (shortest..=longest).contains(&text.len()) {
        return Ok(text);
    }
    let rule = format!(
        "must have {shortest} to {longest} bytes, no white space at its ends and no control characters"
    );
    Err(INVALID.of_field(field, text, &rule))
}
