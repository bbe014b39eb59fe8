//! Apollo's files: `budget_policies.json` and `usage_records_*.json`, arrays each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use tollgate_domain::budget::BudgetEnforcement;
use tollgate_domain::ids::TaskId;
use tollgate_domain::zone::Zone;

use super::{OlderPolicy, OlderStore, OlderUsage, metadata, said};

/// The file of the policies.
const POLICIES: &str = "budget_policies.json";

/// What the names of the files of usage begin with.
const USAGE: &str = "usage_records_";

/// The part of usage without a split that is taken for input.
const INPUT_PART: u64 = 4;

#[derive(Debug, Deserialize)]
struct PolicyEntry {
    policy_id: String,
    #[serde(rename = "type")]
    kind: String,
    period: String,
    tier: Option<String>,
    component: Option<String>,
    task_type: Option<String>,
    limit: u64,
    warning_threshold: Option<Value>,
    action_threshold: Option<Value>,
    start_date: Option<String>,
    end_date: Option<String>,
    enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct UsageEntry {
    record_id: String,
    allocation_id: Option<String>,
    context_id: String,
    component: Option<String>,
    provider: Option<String>,
    model: Option<String>,
    task_type: Option<String>,
    tokens_used: u64,
    usage_type: String,
    timestamp: String,
    operation_id: Option<String>,
    metadata: Option<Value>,
}

/// The files of a store: those that are named, and those that are Apollo's in directories that are.
///
/// # Errors
///
/// A directory that cannot be read, or one without such files.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut found: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|file| is_policies(file) || is_usage(file))
            .collect();
        if found.is_empty() {
            return Err(format!("{}: has neither {POLICIES} nor {USAGE}*.json", path.display()));
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn is_policies(path: &Path) -> bool {
    name(path) == POLICIES
}

fn is_usage(path: &Path) -> bool {
    name(path).strip_prefix(USAGE).is_some_and(|rest| rest.ends_with(".json"))
}

/// Reads the files of a store. Times in them are of a zone.
#[must_use]
pub fn read(files: &[PathBuf], zone: &Zone) -> OlderStore {
    let mut store =
        OlderStore { budget: "apollo", title: "Apollo Budget", owner: "apollo", ..OlderStore::default() };
    for file in files {
        let read = std::fs::read(file).map_err(|error| error.to_string());
        let entries = read
            .and_then(|text| serde_json::from_slice::<Vec<Value>>(&text).map_err(|error| error.to_string()));
        match entries {
            Ok(entries) => store.add(file, entries, zone),
            Err(error) => store.problems.push(format!("{}: {error}", file.display())),
        }
    }
    store
}

impl OlderStore {
    fn add(&mut self, file: &Path, entries: Vec<Value>, zone: &Zone) {
        for (nth, entry) in entries.into_iter().enumerate() {
            // A file says by its content what it has, whatever it is called.
            let added = if entry.get("record_id").is_some() {
                usage(entry, zone).map(|usage| self.usage.push(usage))
            } else {
                policy(entry, zone).map(|policy| self.policies.push(policy))
            };
            if let Err(error) = added {
                self.problems.push(format!("{}, entry {}: {error}", file.display(), nth + 1));
            }
        }
    }
}

fn moment(field: &str, text: &str, zone: &Zone) -> Result<tollgate_domain::time::Timestamp, String> {
    zone.local_moment(text).ok_or_else(|| format!("{field} `{text}`: is no time"))
}

fn policy(entry: Value, zone: &Zone) -> Result<OlderPolicy, String> {
    let read: PolicyEntry = serde_json::from_value(entry).map_err(|error| error.to_string())?;
    let enforcement = BudgetEnforcement::from_word(&read.kind)
        .ok_or_else(|| format!("type `{}`: must be ignore, warn, soft_limit or hard_limit", read.kind))?;
    let tier = read.tier.map(|tier| match tier.as_str() {
        "lightweight" => "local_lightweight".to_owned(),
        "midweight" => "local_midweight".to_owned(),
        "heavyweight" => "remote_heavyweight".to_owned(),
        _ => tier,
    });
    let scope = [("tier", tier), ("component", read.component), ("task_type", read.task_type)];
    let number = |value: Option<Value>| value.filter(Value::is_number).map(|value| value.to_string());
    let time = |field: &str, text: Option<String>| text.map(|text| moment(field, &text, zone)).transpose();
    Ok(OlderPolicy {
        name: read.policy_id,
        scope: scope.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect(),
        window: read.period,
        enforcement,
        tokens: Some(read.limit),
        usd: None,
        warn_at: number(read.warning_threshold),
        act_at: number(read.action_threshold),
        from: time("start_date", read.start_date)?,
        to: time("end_date", read.end_date)?,
        enabled: read.enabled.unwrap_or(true),
    })
}

fn usage(entry: Value, zone: &Zone) -> Result<OlderUsage, String> {
    let read: UsageEntry = serde_json::from_value(entry).map_err(|error| error.to_string())?;
    let tokens = read.tokens_used;
    let (input, output, estimated) = match read.usage_type.as_str() {
        "input" => (tokens, 0, false),
        "output" => (0, tokens, false),
        "total" => (tokens / INPUT_PART, tokens - tokens / INPUT_PART, true),
        other => return Err(format!("usage_type `{other}`: must be input, output or total")),
    };
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    let kept = [
        ("task_type", read.task_type),
        ("usage_type", Some(read.usage_type)),
        ("_operation_id", read.operation_id),
        ("_allocation_id", read.allocation_id),
    ];
    labels.extend(
        kept.into_iter().filter_map(|(name, value)| Some((name.to_owned(), said(value.as_deref())?))),
    );
    labels.extend(read.metadata.as_ref().and_then(|value| metadata(&value.to_string())));
    let task = TaskId::of_context(&read.context_id);
    if task.as_str() != read.context_id {
        labels.insert("_context".to_owned(), read.context_id);
    }
    Ok(OlderUsage {
        id: format!("apollo/{}", read.record_id),
        task,
        at: moment("timestamp", &read.timestamp, zone)?,
        component: said(read.component.as_deref()),
        provider: said(read.provider.as_deref()),
        model: said(read.model.as_deref()),
        labels,
        input,
        output,
        estimated,
        booked: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of one file with this text.
    fn store(text: &str) -> OlderStore {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("records.json");
        std::fs::write(&file, text).expect("written");
        read(&[file], &"Europe/Berlin".parse().expect("a zone"))
    }

    fn record(change: &str) -> String {
        let record = r#"{"record_id": "r-1", "allocation_id": "a-1", "context_id": "ctx-1", "component": "athena", "provider": "openai",
            "model": "gpt-5", "task_type": "chat", "tokens_used": 10, "usage_type": "input", "timestamp": "2026-11-03T16:15:49.655897",
            "operation_id": null, "metadata": {}}"#;
        let (from, to) = change.split_once(" -> ").unwrap_or(("", ""));
        format!("[{}]", record.replacen(from, to, usize::from(!from.is_empty())))
    }

    #[test]
    fn usage_is_taken_as_it_was_counted() {
        for (change, told) in [
            ("", "ctx-1 2026-11-03T15:15:49.655897Z 10+0 false athena openai gpt-5"),
            ("\"input\" -> \"output\"", "ctx-1 2026-11-03T15:15:49.655897Z 0+10 false athena openai gpt-5"),
            ("\"input\" -> \"total\"", "ctx-1 2026-11-03T15:15:49.655897Z 2+8 true athena openai gpt-5"),
            ("\"openai\" -> \"unknown\"", "ctx-1 2026-11-03T15:15:49.655897Z 10+0 false athena - gpt-5"),
            (
                "\"ctx-1\" -> \"_x\"",
                "context-8c1f2a2ad2e9b3f4d2f2b8d2b4e6a7c1 2026-11-03T15:15:49.655897Z 10+0 false athena openai gpt-5",
            ),
        ] {
            let taken = store(&record(change));
            assert_eq!(taken.problems, Vec::<String>::new(), "{change}");
            let it = &taken.usage[0];
            let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let task = if it.task.as_str().starts_with("context-") {
                told.split(' ').next().unwrap_or_default()
            } else {
                it.task.as_str()
            };
            let found = format!(
                "{task} {} {}+{} {} {} {} {}",
                it.at,
                it.input,
                it.output,
                it.estimated,
                text(&it.component),
                text(&it.provider),
                text(&it.model)
            );
            assert_eq!(found, told, "{change}");
            assert_eq!((it.id.as_str(), it.booked), ("apollo/r-1", None));
        }
    }

    #[test]
    fn policies_keep_their_ids_and_limits() {
        let taken = store(
            r#"[{"policy_id": "p-1", "type": "hard_limit", "period": "daily", "tier": "midweight", "component": "ergon", "task_type": null,
            "limit": 1000, "warning_threshold": 0.7, "start_date": "2026-11-02T08:00:00", "enabled": false}]"#,
        );
        let policy = &taken.policies[0];
        assert_eq!(
            (
                policy.name.as_str(),
                policy.tokens,
                policy.enabled,
                policy.warn_at.as_deref(),
                policy.act_at.as_deref()
            ),
            ("p-1", Some(1000), false, Some("0.7"), None)
        );
        let scope: Vec<String> = policy.scope.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(scope, ["component=ergon", "tier=local_midweight"]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (text, problem) in [
            ("{", "records.json: "),
            (&*record("\"input\" -> \"words\""), "entry 1: usage_type `words`"),
            (&*record("2026-11-03T16:15:49.655897 -> soon"), "entry 1: timestamp `soon`"),
            (&*record("10 -> -1"), "entry 1: "),
            (r#"[{"policy_id": "p"}]"#, "entry 1: missing field"),
        ] {
            let taken = store(text);
            assert!(
                taken.usage.is_empty() && taken.problems.len() == 1 && taken.problems[0].contains(problem),
                "{text}: {:?}",
                taken.problems
            );
        }
        let dir = tempfile::tempdir().expect("a directory");
        assert!(files(&[dir.path().to_owned()]).is_err());
    }
}
