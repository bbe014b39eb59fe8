//! Reading sessions of coding agents from warm files, compared with `wc -l`, which only looks for line ends.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tollgate_clock::Stopwatch;
use tollgate_domain::ids::TenantId;
use tollgate_import::item::Item;
use tollgate_import::reader::Format;

use crate::cpu;
use crate::output::{self, Report};
use crate::place::Place;
use crate::stats::Samples;

/// What is read.
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// Size of the session that is written and read
    #[arg(long, value_name = "MB", default_value_t = 1024)]
    megabytes: u64,
    /// Rounds
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Write it in a new directory below this one; else below the build's directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// How often calls occur among the lines: about as in sessions of Codex, where most bytes are tool results.
const CALL_EVERY: u64 = 12;

/// Bytes of text in the other lines.
const TEXT: usize = 2_000;

pub(crate) fn run(args: &Import) -> Result<Report, String> {
    let place = Place::make(args.dir.as_deref())?;
    let (mut figures, mut ratios) = (Samples::default(), Samples::default());
    let dir = place.fresh("import");
    let path = dir.path().join("rollout-2026-11-20T10-00-00-02ab0000-0000-7000-8000-0000000000b1.jsonl");
    let (bytes, calls) =
        write(&path, args.megabytes << 20).map_err(|error| format!("{}: {error}", path.display()))?;
    let megabytes = bytes as f64 / 1e6;
    for round in 0..=args.rounds {
        output::progress(&format!("import: round {round} of {}", args.rounds));
        let (wall, used) = (Stopwatch::start(), cpu::process_seconds());
        let read = read(&path)?;
        let (seconds, used) = (wall.elapsed().as_secs_f64(), cpu::process_seconds() - used);
        if read != calls {
            return Err(format!("{calls} calls were written, {read} were read"));
        }
        let wall = Stopwatch::start();
        lines(&path)?;
        let wc = wall.elapsed().as_secs_f64();
        // The first round warms the file.
        if round > 0 {
            figures.add("import_codex_megabytes_per_core_second", megabytes / used);
            figures.add("import_codex_megabytes_per_second", megabytes / seconds);
            figures.add("wc_l_megabytes_per_second", megabytes / wc);
            ratios.add("import_codex_seconds_of_wc_l", seconds / wc);
        }
    }
    figures.add("import_codex_megabytes", megabytes);
    figures.add("import_codex_peak_memory_megabytes", cpu::peak_megabytes()?);
    place.clear(dir);
    Ok(Report::of(&place, false, args.rounds, figures, ratios))
}

/// One session: calls as counters, with lines of text between them. Returns its bytes and calls.
fn write(path: &Path, at_least: u64) -> std::io::Result<(u64, u64)> {
    let mut file = BufWriter::new(File::create(path)?);
    let (mut bytes, mut calls) = (0, 0);
    let head = r#"{"timestamp":"2026-11-20T10:00:00.000Z","type":"session_meta","payload":{"id":"02ab0000-0000-7000-8000-0000000000b1","originator":"codex_cli_rs","source":"cli"}}"#;
    let turn = r#"{"timestamp":"2026-11-20T10:00:00.001Z","type":"turn_context","payload":{"cwd":"/srv/shop","model":"gpt-5-codex"}}"#;
    writeln!(file, "{head}\n{turn}")?;
    bytes += (head.len() + turn.len() + 2) as u64;
    let text = r#"let total: u64 = counts.iter().sum();\n"#.repeat(TEXT / 39);
    for nth in 0_u64.. {
        if bytes >= at_least {
            break;
        }
        let line = if nth % CALL_EVERY == CALL_EVERY - 1 {
            calls += 1;
            let (input, cached, output) = (calls * 30_000, calls * 28_000, calls * 400);
            format!(
                r#"{{"timestamp":"2026-11-20T10:00:01.000Z","type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{{"input_tokens":{input},"cached_input_tokens":{cached},"output_tokens":{output},"reasoning_output_tokens":{calls},"total_tokens":{}}},"last_token_usage":{{"input_tokens":30000,"cached_input_tokens":28000,"output_tokens":400,"reasoning_output_tokens":1,"total_tokens":30400}},"model_context_window":272000}},"rate_limits":{{"primary":{{"used_percent":1.0,"window_minutes":300}}}}}}}}"#,
                input + output
            )
        } else {
            format!(
                r#"{{"timestamp":"2026-11-20T10:00:01.000Z","type":"response_item","payload":{{"type":"function_call_output","call_id":"call_{nth}","output":"{text}"}}}}"#
            )
        };
        writeln!(file, "{line}")?;
        bytes += line.len() as u64 + 1;
    }
    file.flush()?;
    Ok((bytes, calls))
}

fn read(path: &Path) -> Result<u64, String> {
    let reader =
        Format::Codex.open(path, &TenantId::default_tenant()).map_err(|problem| problem.to_string())?;
    Ok(reader.filter(|item| matches!(item, Item::Call(_))).count() as u64)
}

fn lines(path: &Path) -> Result<(), String> {
    let ended = Command::new("wc").arg("-l").arg(path).stdout(Stdio::null()).status();
    ended
        .map_err(|error| format!("wc: {error}"))?
        .success()
        .then_some(())
        .ok_or_else(|| "wc failed".to_owned())
}
