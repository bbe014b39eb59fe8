//! The blocks of the documents: finding them, and running the shell blocks as written, in a separate
//! directory.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{ChildStdout, Stdio};

use tollgate_test_process::{Process, Program};

use crate::{Place, binary};

/// A fenced block of a document.
#[derive(Clone, Debug)]
pub struct Block {
    /// The document, as a path in the repository.
    pub file: String,
    /// The line of its first fence.
    pub line: usize,
    /// The text after the opening fence.
    pub language: String,
    /// Its content, without the fence's indentation.
    pub text: String,
}

/// All blocks of a document of the repository, in order.
///
/// # Panics
///
/// If the document does not exist, or a block has no end.
#[must_use]
pub fn blocks(file: &str) -> Vec<Block> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut lines = text.lines().zip(1..);
    let mut found = Vec::new();
    while let Some((line, number)) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let Some(language) = line.trim_start().strip_prefix("```") else { continue };
        let mut block =
            Block { file: file.to_owned(), line: number, language: language.to_owned(), text: String::new() };
        loop {
            let (line, _) = lines.next().unwrap_or_else(|| panic!("{file}:{number}: this block has no end"));
            if line.trim() == "```" {
                break;
            }
            block.text += line.get(indent..).unwrap_or_default();
            block.text.push('\n');
        }
        found.push(block);
    }
    found
}

/// A command of a block, and what the document shows of its output.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// As it is typed.
    pub command: String,
    /// Lines below it.
    pub shown: Vec<String>,
}

/// The commands of a console block: what follows `$ `, over several lines if a quote is open or a backslash
/// ends the line.
#[must_use]
pub fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { command: command.to_owned(), shown: Vec::new() });
        } else if let Some(step) = steps.last_mut() {
            if open {
                step.command = format!("{}\n{line}", step.command);
            } else {
                step.shown.push(line.to_owned());
            }
        }
        open = steps.last().is_some_and(|step| step.shown.is_empty() && goes_on(&step.command));
    }
    steps
}

fn goes_on(command: &str) -> bool {
    let (mut quote, mut escaped) = (None, false);
    for c in command.chars() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some('"') | None, '\\') => escaped = true,
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    quote.is_some() || command.ends_with('\\')
}

/// A user who types what a document says, in an empty directory.
pub struct Reader {
    /// Where.
    pub place: Place,
    variables: Vec<(String, String)>,
    replaced: Vec<(String, String)>,
    running: Vec<(Process, BufReader<ChildStdout>)>,
}

impl Reader {
    /// A user who has `tollgate` in the path and nothing else.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "an empty place on disk is no default value")]
    pub fn new() -> Self {
        Self { place: Place::new(), variables: Vec::new(), replaced: Vec::new(), running: Vec::new() }
    }

    /// From now on this replaces what a document says: a path, an address, an id.
    pub fn replace(&mut self, said: &str, meant: impl Into<String>) {
        self.replaced.push((said.to_owned(), meant.into()));
    }

    /// From now on an environment variable has this value.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Types a block whose output is that of a different ledger: each command must succeed.
    pub fn type_only(&mut self, block: &Block) {
        for step in steps(&block.text) {
            self.follow_step(block, &Step { shown: Vec::new(), ..step });
        }
    }

    /// Types a block, and compares its output with what the document shows.
    pub fn follow(&mut self, block: &Block) {
        for step in steps(&block.text) {
            self.follow_step(block, &step);
        }
    }

    /// Types one command, which must succeed unless an error is shown, and compares its output.
    fn follow_step(&mut self, block: &Block, step: &Step) {
        let command = self.meant(&step.command);
        let whence = format!("{}:{}: $ {command}", block.file, block.line);
        if let Some((name, value)) = command.strip_prefix("export ").and_then(|rest| rest.split_once('=')) {
            self.set(name, value);
            return;
        }
        let (printed, succeeded) =
            if lasts(&step.command) { self.start(&command) } else { self.run(&command) };
        let refused = step.shown.iter().any(|line| line.starts_with("error: "));
        assert_eq!(succeeded, !refused, "{whence}\n{printed}");
        let shown: Vec<String> = step.shown.iter().map(|line| self.meant(line)).collect();
        // On a later day the shipped prices are old, and each line about the config says so.
        let young =
            |line: &str| line.split("; the prices shipped@").next().unwrap_or_default().to_owned() + "\n";
        let printed: String = printed.lines().map(young).collect();
        if let Some(missing) = missing(&shown, &printed) {
            panic!("{whence}\nthe document shows: {missing}\nit prints:\n{printed}");
        }
    }

    /// Types a command that no document shows and that must succeed; returns what it printed.
    ///
    /// # Panics
    ///
    /// Where it fails.
    pub fn ok(&mut self, command: &str) -> String {
        let (printed, succeeded) = self.run(command);
        assert!(succeeded, "$ {command}\n{printed}");
        printed
    }

    fn meant(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (said, meant) in &self.replaced {
            text = text.replace(said, meant);
        }
        text
    }

    fn shell(&self, command: &str) -> Program {
        let mut path = binary().parent().unwrap().as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut shell = Program::bare("sh");
        shell.args(["-c", command]).current_dir(self.place.path("")).env("PATH", path);
        shell.env("NO_COLOR", "1").env("HOME", self.place.path("")).stdin(Stdio::null());
        shell.envs(self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        shell
    }

    fn run(&self, command: &str) -> (String, bool) {
        let output = self.shell(command).output();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout) + &text(&output.stderr), output.status.success())
    }

    /// Starts a command that runs until it is stopped; returns its first line. A server listens on a free
    /// port, which from then on replaces the one that the document names.
    fn start(&mut self, command: &str) -> (String, bool) {
        let port =
            command.split_once("--listen 127.0.0.1:").map_or("7070", |(_, port)| port).trim().to_owned();
        let serves = command.contains("tollgate") && command.contains("serve");
        let command = match command.split_once("--listen ") {
            Some((before, _)) => format!("{before}--listen 127.0.0.1:0"),
            None if serves => format!("{command} --listen 127.0.0.1:0"),
            None => command.to_owned(),
        };
        let mut shell = self.shell(&command);
        let said = std::fs::File::create(self.place.path("said.log")).unwrap();
        let mut child = shell.stdout(Stdio::piped()).stderr(said.into()).start();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (mut first, mut printed) = (String::new(), String::new());
        // What runs before it, as in `log init && projector`, also prints lines.
        while out.read_line(&mut first).unwrap() > 0 {
            printed += &first;
            if first.contains("stop with Ctrl-C") || command.contains("--follow") {
                break;
            }
            first.clear();
        }
        let succeeded = !first.is_empty();
        if !succeeded {
            printed += &std::fs::read_to_string(self.place.path("said.log")).unwrap();
        }
        if let Some((_, address)) = first.split_once("at http://127.0.0.1:") {
            let real: String = address.chars().take_while(char::is_ascii_digit).collect();
            self.replace(&format!("localhost:{port}"), format!("127.0.0.1:{real}"));
        }
        self.running.push((child, out));
        (printed, succeeded)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for (shell, _) in &self.running {
            // The shell and what it started form one group. They may have already ended.
            let _ = Program::new("kill").args(["-KILL", "--", &format!("-{}", shell.id())]).try_output();
        }
    }
}

/// Whether a command runs until someone stops it.
fn lasts(command: &str) -> bool {
    let command = command.split(" #").next().unwrap_or_default();
    command.contains("tollgate")
        && [" serve", " projector ", "--follow"].iter().any(|word| command.contains(word))
}

/// The first line that is shown but not printed, in this order: ids, numbers and times may differ, `…`
/// matches anything.
fn missing<'a>(shown: &'a [String], printed: &str) -> Option<&'a String> {
    let printed: Vec<String> = printed.lines().map(shape).collect();
    let mut rest = printed.iter();
    shown.iter().filter(|line| line.trim() != "…").find(|line| {
        let wanted = shape(line);
        !rest.any(|line| {
            let mut parts = wanted.split('…');
            let begins = parts.next().is_none_or(|first| line.starts_with(first.trim_end()));
            let mut at = line.as_str();
            begins
                && parts.all(|part| {
                    let found = at.find(part.trim());
                    found.is_some_and(|found| {
                        at = &at[found..];
                        true
                    })
                })
                && (wanted.contains('…') || *line == wanted)
        })
    })
}

/// A line with `#` in place of ids and numbers, and single spaces.
fn shape(line: &str) -> String {
    let id = |run: &str| run.len() >= 12 && run.bytes().any(|byte| byte.is_ascii_digit());
    let mut out = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let hex = rest.find(|c: char| !matches!(c, '0'..='9' | 'a'..='f')).unwrap_or(rest.len());
        let number = rest.find(|c: char| !matches!(c, '0'..='9' | ',' | '.' | ':')).unwrap_or(rest.len());
        let run = if id(&rest[..hex]) {
            hex
        } else if c.is_ascii_digit() {
            number
        } else {
            0
        };
        if run > 0 {
            out.push('#');
            rest = &rest[run..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_go_on_over_quotes_and_backslashes() {
        let text = "$ a -d '{\n  \"x\": 1}'\n{\"ok\":1}\n$ b \\\n    c\n$ d \"it's\"\n";
        let found = steps(text);
        let commands: Vec<&str> = found.iter().map(|step| step.command.as_str()).collect();
        assert_eq!(commands, ["a -d '{\n  \"x\": 1}'", "b \\\n    c", "d \"it's\""]);
        assert_eq!(found[0].shown, ["{\"ok\":1}"]);
    }

    #[test]
    fn output_is_compared_by_its_shape() {
        let shown = |line: &str| vec![line.to_owned()];
        for (line, printed, same) in [
            ("2 tasks, 7,000 tokens", "3 tasks, 9 tokens\n", true),
            ("2 tasks, 7,000 tokens", "3 task, 9 tokens\n", false),
            ("at 2026-11-21T13:47:57.591018Z  ada", "at 2027-01-02T03:04:05Z ada", true),
            ("{\"id\":\"e1\", …}", "{\"id\":\"e7\",\"x\":1}", true),
            ("{\"id\":\"e1\", … \"y\"}", "{\"id\":\"e7\",\"x\":1}", false),
            ("task-df02d48425bc", "task-0123456789ab", true),
            ("…", "", true),
            ("a", "", false),
        ] {
            assert_eq!(missing(&shown(line), printed).is_none(), same, "{line} | {printed}");
        }
        let two = ["b".to_owned(), "a".to_owned()];
        assert_eq!(missing(&two, "a\nb\n"), Some(&two[1]), "in this order");
    }
}
