//! The settings of coding agents in `docs/guides/mcp.md` start what they say.

use serde_json::{Value, json};
use tollgate_tests::Place;
use tollgate_tests::blocks::blocks;

use super::Agent;

const GUIDE: &str = "docs/guides/mcp.md";

/// One server of an agent's settings.
#[derive(Debug, Default)]
struct Setting {
    command: Option<String>,
    args: Vec<String>,
    url: Option<String>,
    /// How the key is sent.
    key: Option<String>,
}

/// Servers in JSON, as Claude Code and Cursor have them.
fn in_json(text: &str) -> Vec<Setting> {
    let settings: Value = serde_json::from_str(text).unwrap();
    let servers = settings["mcpServers"].as_object().unwrap().values();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    servers
        .map(|server| Setting {
            command: text(&server["command"]),
            args: server["args"].as_array().into_iter().flatten().filter_map(text).collect(),
            url: text(&server["url"]),
            key: text(&server["headers"]["Authorization"]),
        })
        .collect()
}

/// Servers in TOML, as Codex CLI has them: the values in the guide are JSON, too.
fn in_toml(text: &str) -> Vec<Setting> {
    let mut found: Vec<Setting> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if line.starts_with("[mcp_servers.") {
            found.push(Setting::default());
            continue;
        }
        let (name, value) = line.split_once(" = ").unwrap();
        let value: Value = serde_json::from_str(value).unwrap();
        let setting = found.last_mut().unwrap();
        let text = || value.as_str().map(str::to_owned);
        match name {
            "command" => setting.command = text(),
            "args" => setting.args = serde_json::from_value(value.clone()).unwrap(),
            "url" => setting.url = text(),
            "bearer_token_env_var" => setting.key = text().map(|name| format!("Bearer ${{{name}}}")),
            "env_vars" => assert_eq!(value, json!(["TOLLGATE_API_KEY"])),
            other => panic!("{other}"),
        }
    }
    found
}

#[test]
fn the_settings_of_the_guide_start_what_they_say() {
    let place = Place::new();
    let _ = place.ok("--data ledger task open T-1");
    let (mut started, mut called) = (0, 0);
    for block in blocks(GUIDE) {
        let settings = match block.language.as_str() {
            "json" => in_json(&block.text),
            "toml" => in_toml(&block.text),
            _ => continue,
        };
        for setting in settings {
            if let Some(url) = &setting.url {
                called += 1;
                assert!(url.ends_with("/mcp") && setting.command.is_none(), "{setting:?}");
                let key = setting.key.as_deref();
                assert!(
                    matches!(key, Some("Bearer ${TOLLGATE_API_KEY}" | "Bearer ${env:TOLLGATE_API_KEY}")),
                    "{key:?}"
                );
                continue;
            }
            started += 1;
            assert_eq!(setting.command.as_deref(), Some("tollgate"), "{setting:?}");
            let args: Vec<&str> = setting.args.iter().map(String::as_str).collect();
            let args: Vec<&str> =
                args.iter().map(|arg| if *arg == "/srv/ledger" { "ledger" } else { arg }).collect();
            let mut agent = Agent::of(place.command(&args));
            assert_eq!(agent.greet()["serverInfo"]["name"], "tollgate");
            if args[0] == "--data" {
                assert!(agent.does("GetBudgetStatus", &json!({"task": "T-1"})).starts_with("Task `T-1`"));
            }
            assert_eq!(agent.leave(), "");
        }
    }
    assert_eq!((started, called), (4, 3));
}
