//! Rust source as code only: comments and strings blanked, test code marked, imports spelled out.

use std::ops::Range;

/// A source file with everything that is not code blanked.
#[derive(Debug)]
pub(crate) struct Source {
    /// As long as the text, byte for byte; comments and the contents of quotes are blanks.
    pub(crate) code: String,
    /// Items under `#[cfg(test)]`.
    tests: Vec<Range<usize>>,
}

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        let code = blanked(text);
        let tests = test_items(&code);
        Self { code, tests }
    }

    /// Whether this byte belongs to test code.
    pub(crate) fn is_test(&self, at: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&at))
    }

    /// The line of a byte, starting at 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.code.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1
    }

    /// Where a word occurs on its own: neither its first nor its last letter belongs to a longer name.
    pub(crate) fn find<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        find(&self.code, word)
    }

    /// Paths of all `use` items, with groups spelled out: where the last segment is, and the whole path.
    pub(crate) fn imports(&self) -> Vec<(usize, String)> {
        let mut paths = Vec::new();
        for start in self.find("use") {
            let rest = &self.code[start + 3..];
            // `use<'a>` captures a lifetime.
            if !rest.trim_start().starts_with('<') {
                let tree = &rest[..rest.find(';').unwrap_or(rest.len())];
                spell_out(&self.code, "", tree, &mut paths);
            }
        }
        paths
    }
}

/// Like [`Source::find`], in any text.
pub(crate) fn find<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let named = |byte: Option<&u8>| byte.is_some_and(|&byte| byte == b'_' || byte.is_ascii_alphanumeric());
    let bytes = text.as_bytes();
    let open_start = !named(word.as_bytes().first());
    let open_end = !named(word.as_bytes().last());
    text.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        (open_start || !named(before)) && (open_end || !named(bytes.get(at + word.len())))
    })
}

fn spell_out(code: &str, prefix: &str, tree: &str, paths: &mut Vec<(usize, String)>) {
    let mut depth = 0_usize;
    let mut start = 0;
    for (at, letter) in tree.char_indices().chain([(tree.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                let branch = tree[start..at].trim();
                start = (at + 1).min(tree.len());
                if let Some((head, group)) = branch.split_once('{') {
                    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
                    spell_out(code, &format!("{prefix}{}", head.trim()), group, paths);
                } else if !branch.is_empty() {
                    let name = branch.split_whitespace().next().unwrap_or(branch);
                    let at = branch.as_ptr() as usize - code.as_ptr() as usize;
                    paths.push((at, format!("{prefix}{name}")));
                }
            }
            _ => {}
        }
    }
}

/// Blanks comments and the contents of strings and characters; quotes and line ends stay.
fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (inside, end) = if rest.starts_with(b"//") {
            let end = at + rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
            (at..end, end)
        } else if rest.starts_with(b"/*") {
            let end = at + block_comment(rest);
            (at..end, end)
        } else if let Some((open, close)) = quoted(bytes, at) {
            (at + open..close, (close + 1).min(bytes.len()))
        } else {
            at += 1;
            continue;
        };
        for byte in &mut code[inside] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// Length of a block comment, which may contain others.
fn block_comment(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// A string or character that begins here: how long its opening is, and where its closing quote is.
fn quoted(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let end_of = |close: usize| close.min(bytes.len());
    match bytes[at] {
        b'"' => Some((1, end_of(escaped_end(bytes, at + 1, b'"')))),
        // `r"…"`, `r#"…"#`, also after the b or c of a byte or C string; `r#type` is not one.
        b'r' => {
            let hashes = bytes[at + 1..].iter().take_while(|&&byte| byte == b'#').count();
            let open = at + 1 + hashes;
            if bytes.get(open) != Some(&b'"') {
                return None;
            }
            let mut close = vec![b'"'];
            close.resize(hashes + 1, b'#');
            let length = bytes[open + 1..].windows(close.len()).position(|window| window == close);
            Some((open + 1 - at, length.map_or(bytes.len(), |length| open + 1 + length)))
        }
        b'\'' => {
            if bytes.get(at + 1) == Some(&b'\\') {
                return Some((1, end_of(escaped_end(bytes, at + 1, b'\''))));
            }
            // One character and a quote; a lifetime has no second quote.
            let width =
                (1..=4).find(|&width| bytes.get(at + 1 + width).is_none_or(|byte| byte & 0xc0 != 0x80))?;
            (bytes.get(at + 1 + width) == Some(&b'\'')).then_some((1, at + 1 + width))
        }
        _ => None,
    }
}

fn escaped_end(bytes: &[u8], mut at: usize, quote: u8) -> usize {
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at
}

/// Items after `#[cfg(test)]` and `#[cfg(all(test, …))]`, up to their closing brace or semicolon.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items = Vec::new();
    for (start, mark) in code.match_indices("#[cfg(test)]").chain(code.match_indices("#[cfg(all(test,")) {
        let mut depth = 0_usize;
        let mut brackets = 0_usize;
        let mut end = code.len();
        for (at, letter) in code[start + mark.len()..].char_indices() {
            match letter {
                '[' | '(' => brackets += 1,
                ']' | ')' => brackets = brackets.saturating_sub(1),
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && brackets == 0 && matches!(letter, '}' | ';') {
                end = start + mark.len() + at + 1;
                break;
            }
        }
        items.push(start..end);
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_are_blanked_and_everything_keeps_its_place() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("a // b", 'x', '\'', 'é')"#, r#"f("      ", ' ', '  ', '  ')"#),
            (r#""a\"b" c"#, r#""    " c"#),
            (r###"r#"a"b"# c"###, r###"r#"   "# c"###),
            ("br\"a\\\" c", "br\"  \" c"),
            ("r#type + for", "r#type + for"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("\"unclosed", "\"        "),
            ("/* unclosed", "           "),
            ("ä = \"ö\"", "ä = \"  \""),
        ] {
            assert_eq!(Source::new(text).code, code, "{text}");
        }
    }

    #[test]
    fn words_stand_alone() {
        let at = |text: &str, word: &str| find(text, word).collect::<Vec<_>>();
        assert_eq!(at("Instant::now() MyInstant::now Instant::nowish", "Instant::now"), [0]);
        assert_eq!(at("rand::x operand::x", "rand::"), [0]);
        assert_eq!(at("(f64) f641 x_f64", "f64"), [1]);
    }

    #[test]
    fn test_items_are_marked_to_their_end() {
        let text = "fn a() {}\n#[cfg(test)]\n#[expect(x, reason = \"}\")]\nmod tests {\n fn b() { {} }\n}\nfn c() {}\n\
                    #[cfg(test)]\nuse d;\nfn e() {}\n#[cfg(all(test, unix))]\nfn f(x: [u8; 2]) { h }\nfn g() {}";
        let source = Source::new(text);
        for (name, is_test) in [
            ("a", false),
            ("b", true),
            ("c", false),
            ("d", true),
            ("e", false),
            ("f", true),
            ("h", true),
            ("g", false),
        ] {
            let at = source.find(name).next().unwrap();
            assert_eq!(source.is_test(at), is_test, "{name}");
        }
        assert_eq!(source.line(source.find("c").next().unwrap()), 7);
    }

    #[test]
    fn imports_are_spelled_out() {
        let text = "use std::fs;\nuse std::{io::{self, Read as R}, fs};\npub use a::*;\nfn f() -> impl X + use<'a, T> {}\n\
                    // use no::comment;\nuse {b::c,\n d};";
        let source = Source::new(text);
        let paths: Vec<String> =
            source.imports().into_iter().map(|(at, path)| format!("{} {path}", source.line(at))).collect();
        assert_eq!(
            paths,
            ["1 std::fs", "2 std::io::self", "2 std::io::Read", "2 std::fs", "3 a::*", "6 b::c", "7 d"]
        );
    }
}
