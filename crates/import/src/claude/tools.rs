//! What calls did: the tools that their answers call, whose message they follow, and the plan mode.

use serde_json::Value;
use tollgate_domain::session_phases::activity::{Activity, ToolKind, ToolUse};

use super::line::{Message, Read, is_true, word};

/// How the session stands, as far as its lines were read.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// Whether a message of the person waits for its first call.
    message_waits: bool,
    plan_mode: bool,
}

/// Names of tools by what they are for; any other is [`ToolKind::Other`].
const TOOLS: [(ToolKind, &[&str]); 7] = [
    (ToolKind::Read, &["Read", "NotebookRead", "LS"]),
    (ToolKind::Search, &["Grep", "Glob", "LSP", "ToolSearch"]),
    (ToolKind::Edit, &["Edit", "MultiEdit", "Write", "NotebookEdit"]),
    (ToolKind::Shell, &["Bash", "PowerShell", "BashOutput", "KillBash", "KillShell"]),
    (
        ToolKind::Plan,
        &[
            "TodoWrite",
            ENTER_PLAN_MODE,
            EXIT_PLAN_MODE,
            "exit_plan_mode",
            "TaskCreate",
            "TaskUpdate",
            "TaskList",
            "TaskGet",
        ],
    ),
    (ToolKind::Web, &["WebFetch", "WebSearch"]),
    (ToolKind::Agent, &["Task", "Agent"]),
];

const ENTER_PLAN_MODE: &str = "EnterPlanMode";
const EXIT_PLAN_MODE: &str = "ExitPlanMode";

/// Fields of a tool's input that hold a path.
const PATHS: [&str; 3] = ["file_path", "notebook_path", "path"];

impl Course {
    /// Notes what a line says, whoever wrote it.
    pub(super) fn note(&mut self, kind: &str, read: &Read<'_>) {
        if matches!(kind, "user" | "permission-mode")
            && let Some(mode) = word(read.permission_mode)
        {
            self.plan_mode = mode == "plan";
        }
        let is_made = is_true(read.is_meta) || is_true(read.is_summary) || is_true(read.is_sidechain);
        if kind == "user" && !is_made && is_message(&read.message()) {
            self.message_waits = true;
        }
    }

    /// What the call did that this message is a part of. `is_own`: it is no sub-agent's.
    pub(super) fn of_call(&mut self, message: &Message<'_>, is_own: bool) -> Activity {
        let blocks = blocks(message);
        let calls = blocks.iter().filter(|block| of_type(block) == Some("tool_use"));
        let (mut tools, plan_mode) = (Vec::new(), self.plan_mode);
        for call in calls {
            let name = call.get("name").and_then(Value::as_str).unwrap_or_default();
            // What the call proposes holds for those after it.
            match name {
                ENTER_PLAN_MODE => self.plan_mode = true,
                EXIT_PLAN_MODE => self.plan_mode = false,
                _ => {}
            }
            tools.push(tool(name, call.get("input").unwrap_or(&Value::Null)));
        }
        let begins_turn = is_own && std::mem::take(&mut self.message_waits);
        Activity { tools, begins_turn, plan_mode }
    }
}

fn tool(name: &str, input: &Value) -> ToolUse {
    let kind =
        TOOLS.iter().find(|(_, names)| names.contains(&name)).map_or(ToolKind::Other, |(kind, _)| *kind);
    match input.get("command").and_then(Value::as_str).filter(|_| kind == ToolKind::Shell) {
        Some(script) => ToolUse::shell(script),
        None => ToolUse::with_files(kind, PATHS.iter().filter_map(|key| input.get(key)?.as_str())),
    }
}

/// Whether it is a message of the person, not the result of a tool.
fn is_message(message: &Message<'_>) -> bool {
    if word(message.content).is_some() {
        return true;
    }
    let blocks = blocks(message);
    let has = |kind| blocks.iter().any(|block| of_type(block) == Some(kind));
    (has("text") || has("image")) && !has("tool_result")
}

fn blocks(message: &Message<'_>) -> Vec<Value> {
    message.content.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

fn of_type(block: &Value) -> Option<&str> {
    block.get("type")?.as_str()
}
