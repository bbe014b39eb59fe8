//! Commands of a shell script by their first words, and patterns of them. Not a shell: what it cannot read it leaves
//! out.

/// Words that are kept of a command.
const KEPT_WORDS: usize = 8;

/// Bytes that are kept of a word.
const KEPT_BYTES: usize = 64;

/// Commands that are kept of a script.
const KEPT_COMMANDS: usize = 64;

/// Commands that run another one, which follows their options and numbers.
const WRAPPERS: [&str; 9] = ["sudo", "env", "time", "nice", "nohup", "command", "exec", "xargs", "timeout"];

/// The first words of one command, the program by its own name, without its directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command(Vec<String>);

/// The first words of commands that are looked for, such as `cargo test`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<String>);

/// A pattern that matches nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", Self::RULE)]
pub struct InvalidPattern;

impl InvalidPattern {
    /// What a pattern has to be.
    pub const RULE: &'static str =
        "must be the first 1 to 6 words of a command, such as `git commit`, without quotes, `|`, `&` and `;`";
}

/// The commands of a script: what is between `&&`, `||`, `;`, `|` and line ends outside of quotes, without variables
/// that are set for them and without commands that only run another one.
#[must_use]
pub fn commands(script: &str) -> Vec<Command> {
    let script = without_here_documents(script);
    simple_commands(&script).iter().filter_map(|words| command(words)).take(KEPT_COMMANDS).collect()
}

/// The commands of a command line: those of its script if it only starts a shell with one, as `bash -lc SCRIPT` does.
#[must_use]
pub fn commands_of_words(words: &[&str]) -> Vec<Command> {
    if let [shell, options, script] = words {
        let shell = program_of(shell);
        let is_shell =
            matches!(shell, "bash" | "sh" | "zsh" | "dash" | "ksh" | "fish" | "pwsh" | "powershell");
        if is_shell && options.starts_with('-') {
            return commands(script);
        }
    }
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    command(&words).into_iter().collect()
}

impl Command {
    /// The program, without its directory.
    #[must_use]
    pub fn program(&self) -> &str {
        self.0.first().map(String::as_str).unwrap_or_default()
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// [`InvalidPattern`].
    pub fn new(text: &str) -> Result<Self, InvalidPattern> {
        const MOST_WORDS: usize = 6;
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let is_plain = |word: &String| {
            word.len() <= KEPT_BYTES
                && word.chars().all(|c| !c.is_control() && !matches!(c, '\'' | '"' | '|' | '&' | ';' | '`'))
        };
        let fits = (1..=MOST_WORDS).contains(&words.len()) && words.iter().all(is_plain);
        if fits && !words.first().is_some_and(|word| word.starts_with('-')) {
            Ok(Self(words))
        } else {
            Err(InvalidPattern)
        }
    }

    /// The pattern as text.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.join(" ")
    }

    /// Whether the command begins with these words. Options between them are passed over, each with at most one word
    /// that belongs to it: `git -C web commit` is a `git commit`.
    #[must_use]
    pub fn matches(&self, command: &Command) -> bool {
        let mut words = command.0.iter();
        let mut may_be_value = false;
        for (nth, wanted) in self.0.iter().enumerate() {
            loop {
                let Some(word) = words.next() else { return false };
                if word == wanted {
                    may_be_value = false;
                    break;
                }
                let is_option = nth > 0 && word.starts_with(['-', '+']);
                if is_option {
                    may_be_value = word.starts_with('-') && !word.contains('=');
                } else if may_be_value {
                    may_be_value = false;
                } else {
                    return false;
                }
            }
        }
        true
    }
}

fn command(words: &[String]) -> Option<Command> {
    let (program, rest) = unwrapped(words).split_first()?;
    let kept = |word: &str| word.chars().take(KEPT_BYTES).collect::<String>();
    let words = std::iter::once(kept(program_of(program))).chain(rest.iter().map(|word| kept(word)));
    Some(Command(words.take(KEPT_WORDS).collect()))
}

fn program_of(word: &str) -> &str {
    word.rsplit(['/', '\\']).next().unwrap_or(word)
}

/// The script without the lines that it feeds to commands with `<<END`.
fn without_here_documents(script: &str) -> String {
    let mut kept = String::new();
    let mut end: Option<&str> = None;
    for line in script.lines() {
        if let Some(word) = end {
            if line.trim() == word {
                end = None;
            }
            continue;
        }
        kept.push_str(line);
        kept.push('\n');
        end = line.split_once("<<").and_then(|(_, after)| {
            let word = after.trim_start_matches('-').trim_start().trim_start_matches(['\'', '"', '\\']);
            let length =
                word.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
            word.get(..length).filter(|word| !word.is_empty())
        });
    }
    kept
}

/// The words of each command, with quotes resolved.
fn simple_commands(script: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut characters = script.chars().peekable();
    let mut quote = None;
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some('"') | None, '\\') => {
                // A line end after a backslash goes on with the command.
                if let Some(next) = characters.next().filter(|next| *next != '\n') {
                    word.get_or_insert_default().push(next);
                }
            }
            (Some(_), _) => word.get_or_insert_default().push(character),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '\n' | ';' | '|' | '&' | '(' | ')') => {
                words.extend(word.take());
                all.push(std::mem::take(&mut words));
            }
            // The rest of the line is a remark.
            (None, '#') if word.is_none() => while characters.next_if(|next| *next != '\n').is_some() {},
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    all.push(words);
    all.retain(|words| !words.is_empty());
    all
}

/// The command itself: without variables, and without commands that run it.
fn unwrapped(words: &[String]) -> &[String] {
    let mut rest = words;
    loop {
        rest = match rest {
            [first, after @ ..] if is_assignment(first) => after,
            [uv, run, after @ ..] if uv == "uv" && run == "run" => without_options(after),
            [first, after @ ..] => {
                if !WRAPPERS.contains(&first.as_str()) {
                    return rest;
                }
                let after = without_options(after);
                // A command that would run nothing is the command itself.
                if after.is_empty() {
                    return rest;
                }
                after
            }
            [] => return rest,
        };
    }
}

fn without_options(words: &[String]) -> &[String] {
    let is_option = |word: &&String| word.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    words.get(words.iter().take_while(is_option).count()..).unwrap_or_default()
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}
