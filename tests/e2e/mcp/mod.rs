//! `tollgate mcp`: a coding agent at the other end of stdin and stdout.

mod official;
mod settings;

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};
use tollgate_test_process::{Process, Program};
use tollgate_tests::{Place, Server};

/// An agent, and the process that answers it.
struct Agent {
    process: Process,
    /// `None` once the agent has gone.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    asked: u64,
}

impl Agent {
    fn start(place: &Place, args: &[&str]) -> Self {
        let args: Vec<&str> = args.iter().copied().chain(["mcp"]).collect();
        Self::of(place.command(&args))
    }

    fn of(mut command: Program) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).start();
        let (stdin, stdout) = (process.stdin.take(), BufReader::new(process.stdout.take().unwrap()));
        Self { process, stdin, stdout, asked: 0 }
    }

    /// Begins as clients of revision 2025-11-25 do.
    fn greet(&mut self) -> Value {
        let client = json!({"name": "test", "version": "1"});
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        let answer = self.ask("initialize", &params)["result"].clone();
        self.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string());
        answer
    }

    fn write(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
        stdin.flush().unwrap();
    }

    /// The next line on stdout, on which there is nothing but the protocol.
    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let message: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert_eq!(message["jsonrpc"], "2.0", "{message}");
        message
    }

    /// The answer to a request.
    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string());
        let answer = self.read();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    /// Calls a tool; returns whether it did what was asked, and what it says.
    fn tool(&mut self, name: &str, arguments: &Value) -> (bool, String) {
        let answer = self.ask("tools/call", &json!({"name": name, "arguments": arguments}));
        let text =
            answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{name}: {answer}"));
        (answer["result"]["isError"] == json!(false), text.to_owned())
    }

    /// Calls a tool that must do what is asked; returns what it says.
    #[track_caller]
    fn does(&mut self, name: &str, arguments: &Value) -> String {
        let (did, text) = self.tool(name, arguments);
        assert!(did, "{name} {arguments}: {text}");
        text
    }

    /// The agent goes; returns what the process wrote on stderr.
    fn leave(mut self) -> String {
        self.stdin = None;
        let output = self.process.wait_with_output();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

/// Every tool once, as an agent that works on a task would use them.
fn work(agent: &mut Agent) {
    let spend = json!({"task": "T-1", "model": "gpt-5", "tokens": 2000});
    let with_key = |key: &str, arguments: &Value| {
        let mut arguments = arguments.clone();
        arguments["idempotency_key"] = json!(key);
        arguments
    };
    let next = json!({"task": "T-1", "advance_to": "PLAN"});
    let used = json!({"task": "T-1", "phase": "PLAN", "model": "gpt-5", "allocation": "a-1",
        "tokens": {"input_uncached": 1000, "output": 200}});
    for (name, arguments, part) in [
        ("gate", with_key("g-1", &next), "task `T-1` may go on to PLAN"),
        ("CheckBudget", spend.clone(), "Allowed: "),
        ("GetModelRecommendations", spend.clone(), "Preferred: `gpt-5`"),
        ("RouteWithBudgetAwareness", spend.clone(), "Use `"),
        ("AllocateBudget", with_key("a-1", &spend), "Allocation `a-1` is open"),
        ("AllocateBudget", with_key("a-1", &spend), "nothing more is reserved"),
        ("RecordUsage", with_key("u-1", &used), "Recorded: usage `u-1`"),
        ("RecordUsage", with_key("u-1", &used), "nothing was counted twice"),
        ("GetBudgetStatus", json!({"task": "T-1"}), "Tokens: 1200 of "),
        (
            "GetBudgetStatus",
            json!({}),
            "Policy `daily` (daily, hard_limit, all usage): 1200 tokens, 0.00325 USD spent",
        ),
        (
            "GetUsageAnalytics",
            json!({"group_by": "model"}),
            "- model gpt-5: 1 calls, 1200 tokens, 0.00325 USD",
        ),
        ("GetBudgetReport", json!({}), "| gpt-5 | 1 | 1200 | 0.00325 | 0 |"),
        ("GetBudgetReport", json!({"task": "T-1"}), "0.00325"),
        ("explain", json!({"task": "T-1"}), "T-1"),
    ] {
        let text = agent.does(name, &arguments);
        assert!(text.contains(part), "{name} {arguments}: {text}");
    }
}

const SETTING_UP: [&str; 3] = [
    "task open T-1 --producer mcp",
    "budget set all",
    "policy set daily --budget all --window daily --limit-tokens 100000 --enforcement hard_limit",
];

#[test]
fn an_agent_works_with_a_data_directory_that_others_use_too() {
    let place = Place::new();
    for line in SETTING_UP {
        let _ = place.ok(line);
    }
    let mut agent = Agent::start(&place, &[]);
    assert_eq!(agent.greet()["protocolVersion"], "2025-11-25");
    work(&mut agent);
    // While it is there, commands and other agents have the same ledger.
    assert_eq!(place.totals("tollgate-data"), (1, 1200, "0.00325".to_owned()));
    let mut other = Agent::start(&place, &[]);
    other.greet();
    let usage = json!({"idempotency_key": "u-1", "task": "T-1", "phase": "PLAN", "model": "gpt-5", "allocation": "a-1",
        "tokens": {"input_uncached": 1000, "output": 200}});
    assert!(other.does("RecordUsage", &usage).contains("nothing was counted twice"));
    // A server that takes the directory over answers them from then on.
    let _server = Server::start(&place, "tollgate-data");
    for agent in [&mut agent, &mut other] {
        assert!(agent.does("GetBudgetStatus", &json!({"task": "T-1"})).contains("Tokens: 1200 of "));
    }
    for agent in [agent, other] {
        assert_eq!(agent.leave(), "");
    }
}

#[test]
fn an_agent_works_with_a_server_as_its_key_allows() {
    let place = Place::new();
    for line in SETTING_UP {
        let _ = place.ok(line);
    }
    let root = place.ok("key create root --scope admin");
    let server = Server::start(&place, "tollgate-data");
    let make = |name: &str, scopes: &str| {
        let line =
            format!("--server {} --api-key {} key create {name} --scope {scopes}", server.url, root.trim());
        place.ok(&line).trim().to_owned()
    };
    let key = make("agent", "append,decide,read,read_reports");
    let start = |key: &str| {
        let mut command = place.command(&["--server", &server.url, "mcp"]);
        command.env("TOLLGATE_API_KEY", key);
        Agent::of(command)
    };
    let mut agent = start(&key);
    agent.greet();
    work(&mut agent);
    assert_eq!(agent.leave(), "");
    let mut reader = start(&make("reader", "read"));
    reader.greet();
    let usage = json!({"idempotency_key": "u-2", "task": "T-1", "tokens": {"output": 1}});
    let (did, text) = reader.tool("RecordUsage", &usage);
    assert!(!did && text.starts_with("RecordUsage: not_permitted: ") && text.contains("append"), "{text}");
    assert!(reader.does("GetBudgetStatus", &json!({"task": "T-1"})).contains("Tokens: 1200 of "));
    server.kill();
    let (did, text) = reader.tool("GetBudgetStatus", &json!({}));
    assert!(!did && text.contains("no answer") && text.contains("repeat the call"), "{text}");
}

#[test]
fn tools_are_listed_as_agreed() {
    let place = Place::new();
    let mut agent = Agent::start(&place, &[]);
    agent.greet();
    let mut listed = agent.ask("tools/list", &json!({}))["result"].clone();
    assert_eq!(agent.ask("tools/list", &json!({}))["result"], listed);
    for tool in listed["tools"].as_array_mut().unwrap() {
        // Types are those of the OpenAPI document, which has a golden file of its own.
        if let Some(types) = tool["outputSchema"]["$defs"].as_object() {
            tool["outputSchema"]["$defs"] = json!(types.keys().collect::<Vec<_>>());
        }
    }
    insta::assert_snapshot!("mcp_tools", serde_json::to_string_pretty(&listed).unwrap());
    // All of it together is what an agent reads before it does anything.
    let prompts = agent.ask("prompts/list", &json!({}))["result"].clone();
    let resources = agent.ask("resources/list", &json!({}))["result"].clone();
    let templates = agent.ask("resources/templates/list", &json!({}))["result"].clone();
    let others = serde_json::to_string_pretty(&[prompts, resources, templates]).unwrap();
    insta::assert_snapshot!("mcp_prompts_and_resources", others);
}

#[test]
fn resources_and_prompts_are_read() {
    let place = Place::new();
    for line in SETTING_UP {
        let _ = place.ok(line);
    }
    let mut agent = Agent::start(&place, &[]);
    agent.greet();
    work(&mut agent);
    for (uri, part) in [
        ("tollgate://status", "Policy `daily`"),
        ("tollgate://budgets/all", "Policy `daily`"),
        ("tollgate://policies/daily", "Policy `daily`"),
        ("tollgate://tasks/T-1", "Task `T-1`: open"),
        ("tollgate://tasks/T-1/report", "T-1"),
        ("tollgate://report/daily", "| day |"),
        ("tollgate://report/weekly", "| week |"),
    ] {
        let answer = agent.ask("resources/read", &json!({"uri": uri}));
        let text =
            answer["result"]["contents"][0]["text"].as_str().unwrap_or_else(|| panic!("{uri}: {answer}"));
        assert!(text.contains(part), "{uri}: {text}");
    }
    let params = json!({"name": "plan_within_budget", "arguments": {"goal": "ship", "task": "T-1"}});
    let prompt = agent.ask("prompts/get", &params);
    assert!(
        prompt["result"]["messages"][0]["content"]["text"].as_str().unwrap().contains("ship"),
        "{prompt}"
    );
}

#[test]
fn what_is_wrong_is_said_and_the_next_call_is_answered() {
    let place = Place::new();
    let mut agent = Agent::start(&place, &[]);
    agent.greet();
    let (did, text) = agent.tool("GetBudgetStatus", &json!({}));
    assert!(!did && text.contains("no ledger here") && text.ends_with("Nothing was done."), "{text}");
    let unknown = agent.ask("tools/call", &json!({"name": "CheckBudgets", "arguments": {}}));
    assert_eq!(unknown["error"]["code"], -32602);
    assert!(
        unknown["error"]["message"].as_str().unwrap().contains("did you mean `CheckBudget`?"),
        "{unknown}"
    );
    assert_eq!(agent.ask("tools/paint", &json!({}))["error"]["code"], -32601);
    assert!(agent.ask("tools/call", &json!({"name": 7}))["error"].is_object());
    let missing = agent.ask("resources/read", &json!({"uri": "file:///etc/passwd"}));
    assert_eq!(missing["error"]["data"]["uri"], "file:///etc/passwd", "{missing}");
    assert!(agent.ask("prompts/get", &json!({"name": "plan_within_budget"}))["error"].is_object());
    // What is no JSON names no request, so there is nothing to answer.
    for line in ["not json", "{", "\u{feff}", "", "null"] {
        agent.write(line);
    }
    agent.write(&json!({"jsonrpc": "2.0", "id": 99, "method": "ping"}).to_string());
    while agent.read()["id"] != 99 {}
    // Usage makes a ledger where there is none, as `tollgate usage record` does.
    let usage = json!({"idempotency_key": "1", "task": "T-1", "tokens": {"output": 3}});
    assert!(agent.does("RecordUsage", &usage).contains("Recorded"));
    assert_eq!(agent.leave(), "");
    assert_eq!(place.totals("tollgate-data").1, 3);
}

#[test]
fn clients_of_the_stateless_revision_begin_with_nothing() {
    let place = Place::new();
    let mut agent = Agent::start(&place, &[]);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    });
    let found = agent.ask("server/discover", &json!({"_meta": meta}));
    assert!(
        found["result"]["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")),
        "{found}"
    );
    let usage = json!({"idempotency_key": "1", "task": "T-1", "tokens": {"output": 3}});
    let call = json!({"name": "RecordUsage", "arguments": usage, "_meta": meta});
    for text in [
        "Recorded: usage `1`. It is durable.",
        "Usage `1` was recorded before, with the same content; nothing was counted twice.",
    ] {
        let answer = agent.ask("tools/call", &call);
        assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
        assert_eq!(answer["result"]["content"][0]["text"], text);
    }
}

#[test]
fn the_tenant_and_the_producer_of_the_flags_are_those_of_calls_that_name_none() {
    let place = Place::new();
    let mut agent = Agent::start(&place, &["--tenant", "acme", "--producer", "my-agent"]);
    agent.greet();
    let usage = json!({"idempotency_key": "1", "task": "T-1", "tokens": {"output": 3}});
    let _ = agent.does("RecordUsage", &usage);
    let status = agent.does("GetBudgetStatus", &json!({"task": "T-1"}));
    assert!(status.contains("Tokens: 3"), "{status}");
    let (did, text) = agent.tool("GetBudgetStatus", &json!({"task": "T-1", "tenant": "default"}));
    assert!(!did && text.contains("task_unknown"), "{text}");
    let log = place.ok("log tail --format json");
    assert!(log.contains("\"my-agent\"") && log.contains("\"acme\""), "{log}");
}
