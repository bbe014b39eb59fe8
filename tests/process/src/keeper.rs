//! What outlives a test, so that nothing else does: a shell that waits for the test's end on a pipe from it,
//! which the system closes however the test ends. It then kills the remaining processes and removes the
//! directory.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Signals that end the test do not end it. A process that has ended is forgotten, since its number may be
/// reused, unless it left some of its group behind. What a test has mounted in its directory is unmounted,
/// not removed. Killed processes may still write for a moment: a directory that is not empty is removed
/// again.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
groups=' '
while read -r what group; do
    case $what in
        started) groups="$groups$group " ;;
        ended) kill -0 "-$group" || groups="${groups%% $group *} ${groups#* $group }" ;;
    esac
done
for group in $groups; do
    kill -KILL "-$group"
done
while read -r _ place _; do
    case $place in "$1"/*) umount -l "$place" ;; esac
done </proc/mounts
for try in 1 2 3 4 5 6 7 8 9; do
    rm -rf -- "$1" && break
    sleep 0.2
done
"#;

struct Keeper {
    directory: PathBuf,
    pipe: Mutex<std::process::ChildStdin>,
}

static KEEPER: LazyLock<Keeper> = LazyLock::new(|| {
    let directory = tempfile::Builder::new().prefix("tollgate-test-").tempdir().unwrap().keep();
    let mut shell = Command::new("sh");
    // Outside the test's group, which is killed as a whole if a test takes too long.
    shell.args(["-c", SCRIPT, "keeper"]).arg(&directory).current_dir("/").process_group(0);
    let shell = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let pipe = Mutex::new(shell.unwrap().stdin.take().unwrap());
    Keeper { directory, pipe }
});

/// The directory that is removed with the test.
pub(crate) fn directory() -> &'static Path {
    &KEEPER.directory
}

/// A process was started, with a separate group.
pub(crate) fn started(id: u32) {
    tell("started", id);
}

/// A process has ended and was waited for.
pub(crate) fn ended(id: u32) {
    tell("ended", id);
}

fn tell(what: &str, id: u32) {
    let mut pipe = KEEPER.pipe.lock().unwrap_or_else(PoisonError::into_inner);
    // In one write, so that it arrives completely or not at all.
    pipe.write_all(format!("{what} {id}\n").as_bytes()).unwrap();
}
