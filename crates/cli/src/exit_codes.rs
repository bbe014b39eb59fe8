//! What the exit codes mean.

/// Something went wrong that is not below: a file, the network, the ledger's disk.
pub(crate) const FAILED: u8 = 1;
/// A rule refused it: an unknown task, a second active phase, an id used before, a field that is wrong.
pub(crate) const REFUSED: u8 = 3;
/// The view did not reach the log's end in time.
pub(crate) const STALE: u8 = 4;
/// The gate says `block`, or a policy refuses what was to be spent.
pub(crate) const BLOCKED: u8 = 5;
/// A check found a difference: opening a log that lost its end, `log verify`, `backup`, `restore`, `view
/// rebuild`, `config check`.
pub(crate) const DIFFERS: u8 = 6;
/// Ctrl-C, following the convention of shells: 128 plus the number of the signal.
pub(crate) const INTERRUPTED: u8 = 130;

/// For `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  failed: a file, the network, the disk, a server that does not answer
  2  the command line is wrong
  3  refused by a rule: unknown task, second active phase, event id used before, wrong field
  4  stale: the view did not reach the end of the log within 10 s (--no-wait does not wait)
  5  the gate says block, or a policy refuses what was to be spent
  6  a check found a difference: log verify, backup, restore, view rebuild, config check, import
  130  stopped by Ctrl-C: an import says what is in the ledger";
