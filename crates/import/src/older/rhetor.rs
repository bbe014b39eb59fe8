//! Rhetor's store: a SQLite file with the tables `usage` and `budget_settings`. It is opened to read only, with
//! SQLite's own
//! locks, so that Rhetor may go on writing.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};
use tollgate_domain::budget::BudgetEnforcement;
use tollgate_domain::hex::hex_of_sha256;
use tollgate_domain::ids::TaskId;
use tollgate_domain::money::Usd;
use tollgate_domain::zone::Zone;

use super::{OlderPolicy, OlderStore, OlderUsage, metadata, said};

/// The most places that money has.
const PLACES: usize = 18;

/// A store that cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct Unreadable {
    file: String,
    reason: String,
}

/// Reads a store. Times in it are of a zone. `source` tells stores apart whose rows have the same numbers; by default
/// it follows from the first row, which stays the same while a store grows.
///
/// # Errors
///
/// [`Unreadable`]: the file is no such store. A row that cannot be read is one of the store's problems.
pub fn read(file: &Path, source: Option<&str>, zone: &Zone) -> Result<OlderStore, Unreadable> {
    let failed = |error: rusqlite::Error| {
        let reason =
            format!("{error}; it must be a SQLite file with the tables `usage` and `budget_settings`");
        Unreadable { file: file.display().to_string(), reason }
    };
    if let Err(error) = std::fs::metadata(file) {
        return Err(Unreadable { file: file.display().to_string(), reason: error.to_string() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let store = Connection::open_with_flags(file, flags).map_err(failed)?;
    let mut taken =
        OlderStore { budget: "rhetor", title: "Rhetor Budget", owner: "rhetor", ..OlderStore::default() };
    // Both tables as of one moment.
    let read = store.unchecked_transaction().map_err(failed)?;
    let source = match source {
        Some(name) => name.to_owned(),
        None => first_row(&read).map_err(failed)?,
    };
    usage(&read, &source, zone, &mut taken).map_err(failed)?;
    settings(&read, &source, zone, &mut taken).map_err(failed)?;
    Ok(taken)
}

/// What tells a store apart: its first usage.
fn first_row(store: &Connection) -> rusqlite::Result<String> {
    let mut asked = store.prepare(
        "SELECT id, timestamp, provider, model, component, input_tokens, output_tokens, cost FROM usage ORDER BY id LIMIT 1",
    )?;
    let mut rows = asked.query([])?;
    let Some(row) = rows.next()? else { return Ok("empty".to_owned()) };
    let mut first = String::new();
    for nth in 0..8 {
        first.push_str(&shown(row.get_ref(nth)?));
        first.push('\n');
    }
    Ok(hex_of_sha256(&first, 4))
}

/// A value as a text.
fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    }
}

/// An amount, rounded to the places that money has.
fn rounded(text: &str) -> Option<Usd> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let kept = places.get(..PLACES).unwrap_or(places);
    let amount: Usd =
        if kept.is_empty() { whole.parse().ok()? } else { format!("{whole}.{kept}").parse().ok()? };
    let is_up = places.as_bytes().get(PLACES).is_some_and(|digit| (b'5'..=b'9').contains(digit));
    amount.checked_add(Usd::from_units(i128::from(is_up)))
}

/// The values of a row by name.
struct Values<'a>(&'a Row<'a>);

impl Values<'_> {
    fn text(&self, name: &str) -> Option<String> {
        self.0.get_ref(name).ok().map(shown).filter(|text| !text.is_empty())
    }

    fn count(&self, name: &str) -> Result<u64, String> {
        let text = self.text(name).unwrap_or_else(|| "0".to_owned());
        // Sums of Python may be floats.
        let whole = text.strip_suffix(".0").unwrap_or(&text);
        whole.parse().map_err(|_| format!("{name} `{text}`: must be a whole number of 0 or more"))
    }

    /// An amount. A float is the shortest decimal that means it, as Python shows it.
    fn money(&self, name: &str) -> Result<Option<Usd>, String> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let amount = rounded(&text).filter(|usd| *usd >= Usd::ZERO);
        amount.map(Some).ok_or_else(|| format!("{name} `{text}`: must be an amount of 0 or more"))
    }

    fn time(&self, name: &str, zone: &Zone) -> Result<tollgate_domain::time::Timestamp, String> {
        let text = self.text(name).unwrap_or_default();
        zone.local_moment(&text).ok_or_else(|| format!("{name} `{text}`: is no time"))
    }
}

fn usage(store: &Connection, source: &str, zone: &Zone, taken: &mut OlderStore) -> rusqlite::Result<()> {
    let mut all = store.prepare("SELECT * FROM usage ORDER BY id")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let values = Values(row);
        let id = values.text("id").unwrap_or_default();
        match one(&values, &id, source, zone) {
            Ok(usage) => taken.usage.push(usage),
            Err(error) => taken.problems.push(format!("usage, row {id}: {error}")),
        }
    }
    Ok(())
}

fn one(values: &Values<'_>, id: &str, source: &str, zone: &Zone) -> Result<OlderUsage, String> {
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    labels.extend(said(values.text("task_type").as_deref()).map(|kind| ("task_type".to_owned(), kind)));
    labels.extend(values.text("metadata").and_then(|text| metadata(&text)));
    Ok(OlderUsage {
        id: format!("rhetor/{source}/{id}"),
        task: TaskId::of_context(&format!("rhetor_migration_{id}")),
        at: values.time("timestamp", zone)?,
        component: said(values.text("component").as_deref()),
        provider: said(values.text("provider").as_deref()),
        model: said(values.text("model").as_deref()),
        labels,
        input: values.count("input_tokens")?,
        output: values.count("output_tokens")?,
        estimated: false,
        booked: Some(values.money("cost")?.unwrap_or_default()),
    })
}

fn settings(store: &Connection, source: &str, zone: &Zone, taken: &mut OlderStore) -> rusqlite::Result<()> {
    let mut all = store.prepare("SELECT * FROM budget_settings ORDER BY id")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let values = Values(row);
        let id = values.text("id").unwrap_or_default();
        let limit = match values.money("limit_amount") {
            Ok(limit) => limit.unwrap_or_default(),
            Err(error) => {
                taken.problems.push(format!("budget_settings, row {id}: {error}"));
                continue;
            }
        };
        if values.text("active").is_some_and(|active| active == "0") {
            taken.notes.push(format!("budget_settings, row {id}: was replaced by a later one; left out"));
        } else if limit == Usd::ZERO {
            taken.notes.push(format!("budget_settings, row {id}: a limit of 0 limits nothing; left out"));
        } else {
            match setting(&values, &id, source, limit, zone) {
                Ok(policy) => taken.policies.push(policy),
                Err(error) => taken.problems.push(format!("budget_settings, row {id}: {error}")),
            }
        }
    }
    Ok(())
}

fn setting(
    values: &Values<'_>,
    id: &str,
    source: &str,
    limit: Usd,
    zone: &Zone,
) -> Result<OlderPolicy, String> {
    let word = values.text("enforcement").unwrap_or_else(|| "warn".to_owned());
    let enforcement = match word.as_str() {
        "ignore" => BudgetEnforcement::Ignore,
        "warn" => BudgetEnforcement::Warn,
        "enforce" => BudgetEnforcement::HardLimit,
        other => return Err(format!("enforcement `{other}`: must be ignore, warn or enforce")),
    };
    let window = values.text("period").unwrap_or_default();
    if !["daily", "weekly", "monthly"].contains(&window.as_str()) {
        return Err(format!("period `{window}`: must be daily, weekly or monthly"));
    }
    let provider = said(values.text("provider").as_deref()).filter(|name| name != "all");
    Ok(OlderPolicy {
        name: format!("rhetor-{source}-{id}"),
        scope: provider.into_iter().map(|name| ("provider".to_owned(), name)).collect(),
        window,
        enforcement,
        tokens: None,
        usd: Some(limit),
        warn_at: None,
        act_at: None,
        from: values.text("start_date").map(|_| values.time("start_date", zone)).transpose()?,
        to: None,
        enabled: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store with these rows of usage and of settings.
    fn store(usage: &[&str], settings: &[&str]) -> OlderStore {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("rhetor.db");
        let made = Connection::open(&file).expect("a store");
        made.execute_batch(
            "CREATE TABLE usage (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT, provider TEXT, model TEXT, component TEXT,
             task_type TEXT, input_tokens INTEGER, output_tokens INTEGER, cost REAL, metadata TEXT);
             CREATE TABLE budget_settings (id INTEGER PRIMARY KEY AUTOINCREMENT, period TEXT, provider TEXT, limit_amount REAL,
             enforcement TEXT, start_date TEXT, active INTEGER);",
        )
        .expect("tables");
        for row in usage {
            made.execute_batch(&format!("INSERT INTO usage VALUES (NULL, {row})")).expect("a row");
        }
        for row in settings {
            made.execute_batch(&format!("INSERT INTO budget_settings VALUES (NULL, {row})")).expect("a row");
        }
        read(&file, Some("s"), &Zone::utc()).expect("read")
    }

    #[test]
    fn usage_keeps_what_was_booked() {
        let taken = store(
            &[
                "'2026-10-01T09:00:00', 'openai', 'gpt-4o', 'ergon', 'chat', 10, 5, 0.1, NULL",
                "'2026-10-01T09:00:00.25', 'openai', 'gpt-4o', '', NULL, 10.0, 5, 0.0009249999999999999, 'text'",
                "'2026-10-01 09:00', 'unknown', NULL, 'x', 'chat', 1, 0, 1e-7, '{\"a\": 1}'",
                "'2026-10-01T09:00:00', 'openai', 'gpt-4o', 'x', 'chat', 0, 0, NULL, NULL",
            ],
            &[],
        );
        assert_eq!(taken.problems, Vec::<String>::new());
        let told = taken.usage.iter().map(|it| {
            let booked = it.booked.map(|usd| usd.to_string()).unwrap_or_default();
            format!(
                "{} {} {} {}+{} {booked} {:?}",
                it.id,
                it.task,
                it.at,
                it.input,
                it.output,
                it.provider.as_deref()
            )
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                "rhetor/s/1 rhetor_migration_1 2026-10-01T09:00:00Z 10+5 0.1 Some(\"openai\")",
                "rhetor/s/2 rhetor_migration_2 2026-10-01T09:00:00.250Z 10+5 0.000925 Some(\"openai\")",
                "rhetor/s/3 rhetor_migration_3 2026-10-01T09:00:00Z 1+0 0.0000001 None",
                "rhetor/s/4 rhetor_migration_4 2026-10-01T09:00:00Z 0+0 0 Some(\"openai\")",
            ]
        );
        assert_eq!(taken.usage[1].labels["_metadata"], "{\"original_metadata\":\"text\"}");
    }

    #[test]
    fn settings_become_policies_and_what_limits_nothing_is_named() {
        let taken = store(
            &[],
            &[
                "'daily', 'all', 5.0, 'warn', '2026-10-01T00:00:00', 0",
                "'daily', 'all', 7.5, 'enforce', '2026-10-02T00:00:00', 1",
                "'monthly', 'openai', 0, 'warn', '2026-10-01T00:00:00', 1",
                "'weekly', 'openai', 1, 'ignore', NULL, 1",
            ],
        );
        let told = taken.policies.iter().map(|it| {
            let usd = it.usd.map(|usd| usd.to_string()).unwrap_or_default();
            format!("{} {} {usd} {} {:?}", it.name, it.window, it.enforcement, it.scope.get("provider"))
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            ["rhetor-s-2 daily 7.5 hard_limit None", "rhetor-s-4 weekly 1 ignore Some(\"openai\")",]
        );
        assert_eq!((taken.notes.len(), taken.problems.len()), (2, 0));
    }

    #[test]
    fn a_row_that_cannot_be_read_is_named_and_the_others_are_taken() {
        let taken = store(
            &[
                "'soon', 'p', 'm', 'c', 't', 1, 1, 0, NULL",
                "'2026-10-01T09:00:00', 'p', 'm', 'c', 't', -1, 1, 0, NULL",
                "'2026-10-01T09:00:00', 'p', 'm', 'c', 't', 1, 1, -0.5, NULL",
                "'2026-10-01T09:00:00', 'p', 'm', 'c', 't', 1, 1, 0.5, NULL",
            ],
            &["'yearly', 'all', 5, 'warn', NULL, 1", "'daily', 'all', 5, 'stop', NULL, 1"],
        );
        assert_eq!((taken.usage.len(), taken.problems.len()), (1, 5), "{:?}", taken.problems);
        assert!(taken.problems[0].starts_with("usage, row 1: timestamp `soon`"), "{:?}", taken.problems);
        let dir = tempfile::tempdir().expect("a directory");
        assert!(read(&dir.path().join("none.db"), None, &Zone::utc()).is_err());
    }
}
