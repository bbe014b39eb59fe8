//! Runs a path under valgrind and reads how many instructions it took.

use std::collections::BTreeMap;
use std::process::Command;

use crate::path::HotPath;

/// Tasks of the smaller and of the larger run of a path: what begins and ends a process is in both.
const TASKS: [u64; 2] = [20, 60];

/// What the counts depend on besides the code.
pub(crate) fn toolchain() -> Result<String, String> {
    let output =
        Command::new("rustc").arg("-vV").output().map_err(|error| format!("running rustc: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    Ok(format!("rustc {} {} {} {}", field("release:"), field("host:"), vectors(), c_library()))
}

/// Memory is allocated and copied by it.
fn c_library() -> String {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().replace(' ', "-"));
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "another-libc".to_owned())
}

/// Hashes and checksums choose their instructions by what the processor has.
fn vectors() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return "avx2";
    }
    "plain"
}

/// Instructions of each path for one item, without what comes before it in the flow.
pub(crate) fn all() -> Result<BTreeMap<String, u64>, String> {
    let mut whole = BTreeMap::new();
    for path in HotPath::ALL {
        whole.insert(path, of(path)?);
    }
    let own = |(path, count): (&HotPath, &u64)| {
        let before = path.after().and_then(|before| whole.get(&before)).copied().unwrap_or_default();
        (path.to_string(), count.saturating_sub(before))
    };
    Ok(whole.iter().map(own).collect())
}

/// Instructions of a path, with all that comes before it, for one item.
fn of(path: HotPath) -> Result<u64, String> {
    let [small, large] = TASKS;
    let (few, many) = (run(path, small)?, run(path, large)?);
    let (items, instructions) =
        (many.items.saturating_sub(few.items), many.instructions.saturating_sub(few.instructions));
    instructions
        .checked_div(items)
        .ok_or_else(|| format!("path `{path}` did no more for {large} tasks than for {small}"))
}

struct Run {
    items: u64,
    instructions: u64,
}

fn run(path: HotPath, tasks: u64) -> Result<Run, String> {
    let own = std::env::current_exe().map_err(|error| format!("finding this program: {error}"))?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(own);
    let output = command.args(["work", &path.to_string(), &tasks.to_string()]).output();
    let output = output
        .map_err(|error| format!("running valgrind: {error}; install it (apt-get install valgrind)"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let failed = |what: &str| format!("counting path `{path}` with {tasks} tasks: {what}\n{said}");
    if !output.status.success() {
        return Err(failed("it did not end well"));
    }
    let items = String::from_utf8_lossy(&output.stdout).trim().parse();
    let instructions =
        said.lines().find_map(|line| line.split_once("Collected :")).map(|(_, count)| count.trim().parse());
    match (items, instructions) {
        (Ok(items), Some(Ok(instructions))) => Ok(Run { items, instructions }),
        _ => Err(failed("valgrind did not say how many instructions there were")),
    }
}
