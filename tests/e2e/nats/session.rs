//! The same session of commands, on a data directory and over NATS: the same answers, word for word.

use tollgate_tests::nats::Cluster;

/// The life of three tasks. Events have explicit times, and no phase is active when it is shown: only what
/// the ledger itself writes differs from run to run.
const SESSION: &str = "
    task open T-1 --complexity Small --title one --id o1 --at 2025-10-10T01:00:00Z
    task open T-1 --complexity Small --title one --id o1 --at 2025-10-10T01:00:00Z
    phase start T-1 think --id s1 --at 2025-10-10T01:01:00Z
    usage record T-1 --phase THINK --model gpt-5 --input 30000 --output 2000 --id u1 --at 2025-10-10T01:02:00Z
    phase end T-1 THINK --id e1 --at 2025-10-10T01:03:00Z
    gate T-1 IMPLEMENT
    alerts
    task override T-1 --advance IMPLEMENT --approver ada --reason demo --id v1 --at 2025-10-10T01:04:00Z
    gate T-1 IMPLEMENT
    usage adjust T-1 u1 --input=-25000 --reason twice --id a1 --at 2025-10-10T01:05:00Z
    gate T-1 VERIFY
    task open T-2 --complexity Large --importance critical --justification x --id o2 --at 2025-10-10T02:00:00Z
    task override T-2 --limit THINK=100 --approver ada --reason less --id v2 --at 2025-10-10T02:01:00Z
    phase start T-2 THINK --id s2 --at 2025-10-10T02:02:00Z
    phase start T-2 PLAN --id s3 --at 2025-10-10T02:03:00Z
    usage record T-2 --phase THINK --model unheard-of --output 777 --id u2 --at 2025-10-10T02:04:00Z
    usage record T-2 --phase THINK --model unheard-of --output 778 --id u2 --at 2025-10-10T02:04:00Z
    usage record T-3 --model gpt-5 --cached 5 --output 9 --reasoning 3 --id u3 --at 2025-10-10T03:00:00Z
    phase end T-2 THINK --id e2 --at 2025-10-10T02:05:00Z
    task close T-1 --reason done --id c1 --at 2025-10-10T04:00:00Z
    task show T-1
    task show T-2
    task show T-9
    task list
    task explain T-1
    task explain T-2
    task explain T-3
    report
    report T-1
    report T-2
    report --by model
    alerts --all
";

#[test]
fn a_session_without_a_server_reads_the_same_on_a_data_directory_and_over_nats() {
    let Some(cluster) = Cluster::start() else { return };
    let place = &cluster.place;
    place.write("config.yaml", "rollout: enforce\n");
    let reaches = ["--data d".to_owned(), format!("--log {}", cluster.nats.url())];
    let mut answers = Vec::new();
    for reach in &reaches {
        let mut said = String::new();
        for line in SESSION.trim().lines().map(str::trim) {
            for format in ["table", "json"] {
                let command = format!("{reach} --config config.yaml --format {format} {line}");
                let told = place.run_line(&command);
                // Printed commands include what names the ledger.
                let plain = |text: &str| text.replace(&format!("tollgate {reach} "), "tollgate ");
                let (out, err) = (plain(&told.out), plain(&told.err));
                said += &format!("$ {line} ({format})\nends with {}\n{out}{err}\n", told.code);
            }
        }
        answers.push(without_what_a_run_makes(&said));
    }
    let [on_disk, over_nats] = &answers[..] else { unreachable!("two ways to reach a ledger") };
    for part in ["BLOCK: T-1 to IMPLEMENT", "phase already active", "ends with 5"] {
        assert!(on_disk.contains(part), "{part}\n{on_disk}");
    }
    // How late this session's events arrive, with times from long ago, is a different number every minute.
    let late = |line: &str| {
        ["its events come", "events of producer", "clock_skew_ms", " behind"]
            .iter()
            .any(|part| line.contains(part))
    };
    for (one, other) in
        on_disk.lines().zip(over_nats.lines()).filter(|(one, other)| !(late(one) && late(other)))
    {
        assert_eq!(one, other, "over NATS:\n{over_nats}");
    }
    assert_eq!(on_disk.lines().count(), over_nats.lines().count());
}

/// Times of this run, generated ids, positions and the identity of the log are replaced by placeholders.
fn without_what_a_run_makes(text: &str) -> String {
    let part_of_a_word = |c: char| c.is_ascii_alphanumeric() || "-:.@,_".contains(c);
    let mut out = String::new();
    let mut before = [""; 2];
    for piece in text.split_inclusive(|c: char| !part_of_a_word(c)) {
        let word = piece.trim_end_matches(|c: char| !part_of_a_word(c));
        let digits = word.trim_end_matches([',', '.', ':']);
        let number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
        let place = before[1] == "record"
            || (before[1] == ":"
                && ["sequence", "record", "raised", "resolved", "last"].contains(&before[0]));
        out += match named(word.trim_end_matches(['.', ','])) {
            Some(name) => name,
            None if number && place => "[place]",
            None => word,
        };
        if !word.is_empty() {
            before = [before[1], word];
        }
        out += &piece[word.len()..];
    }
    out
}

fn named(word: &str) -> Option<&'static str> {
    let hex = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit());
    let position = word.split_once('@').is_some_and(|(epoch, _)| epoch.len() == 32 && hex(epoch));
    let year = word.len() >= 16 && word.bytes().take(4).all(|byte| byte.is_ascii_digit());
    let time = year && word[4..].starts_with('-') && word.contains('T') && word.contains(':');
    let id = word.len() == 36 && word.split('-').count() == 5 && word.split('-').all(hex);
    let of_day = word.len() == 9 && word.ends_with('Z') && word.matches(':').count() == 2;
    match () {
        () if of_day => Some("[time]"),
        () if position => Some("[position]"),
        () if ["fsync", "page_cache", "life", "window"].contains(&word) => Some("[what this log promises]"),
        () if word.len() == 10 && word.split('-').count() == 3 && !word.starts_with("2025-10-10") => {
            Some("[time]")
        }
        () if time && !word.starts_with("2025-10-10") => Some("[time]"),
        () if id || ([8, 16, 32, 64].contains(&word.len()) && hex(word)) => Some("[id]"),
        () => None,
    }
}
