//! Which commands a script runs, and which of them a pattern means.

use crate::session_phases::commands::{Pattern, commands, commands_of_words};

/// The programs that a script runs.
#[test]
fn scripts_are_split_into_their_commands() {
    for (script, expected) in [
        ("cargo test", "cargo"),
        ("cd a && cargo test; git status | head\nls", "cd cargo git head ls"),
        ("echo 'a && b; c' \"d | e\"", "echo"),
        ("RUST_LOG=1 A=b sudo -E /usr/bin/git push", "git"),
        ("timeout 60 cargo test", "cargo"),
        ("timeout -k 5 60", "timeout"),
        ("uv run pytest", "pytest"),
        ("env", "env"),
        ("cat <<'EOF' > a.sh\npytest\ngit commit\nEOF\nls", "cat ls"),
        ("a \\\n  b # git commit", "a"),
        ("(cd a; make)", "cd make"),
        ("echo \"unfinished", "echo"),
        ("  ;; && ", ""),
        ("", ""),
    ] {
        let found = commands(script);
        let programs: Vec<&str> = found.iter().map(|command| command.program()).collect();
        assert_eq!(programs.join(" "), expected, "{script}");
    }
    let programs = |words: &[&str]| {
        let found = commands_of_words(words);
        found.iter().map(|command| command.program().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(programs(&["bash", "-lc", "ls; pwd"]), ["ls", "pwd"]);
    assert_eq!(programs(&["git", "commit", "-m", "ls; pwd"]), ["git"]);
    assert_eq!(programs(&[]), [""; 0]);
}

#[test]
fn a_pattern_is_the_first_words_of_a_command() {
    for (pattern, script, expected) in [
        ("git commit", "git commit -m x", true),
        ("git commit", "git -C web commit", true),
        ("git commit", "git -c a=b --no-pager commit", true),
        ("git commit", "/usr/bin/git commit", true),
        ("git commit", "git log commit", false),
        ("git commit", "git --no-pager log HEAD commit", false),
        ("git commit", "echo git commit", false),
        ("git commit", "git", false),
        ("git", "git", true),
        ("git", "legit", false),
        ("cargo test", "cargo +nightly test", true),
        ("cargo test", "cargo build --tests test", false),
        ("cargo fmt --check", "cargo fmt --all --check", true),
        ("cargo fmt --check", "cargo fmt", false),
        ("python -m pytest", "python -m pytest a", true),
        ("python -m pytest", "python pytest.py", false),
        ("make test", "make -j 8 test", true),
    ] {
        let pattern = Pattern::new(pattern).unwrap();
        let matches = commands(script).iter().any(|command| pattern.matches(command));
        assert_eq!(matches, expected, "{} of {script}", pattern.text());
    }
    for wrong in ["", "  ", "a b c d e f g", "a | b", "'a'", "-m x"] {
        assert!(Pattern::new(wrong).is_err(), "{wrong}");
    }
}
