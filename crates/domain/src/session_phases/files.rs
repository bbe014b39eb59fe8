//! Classes of files, by their paths.

crate::words::words!(
    /// What a file is, by its path.
    FileClass {
        /// A test: below a directory of tests, or named as one.
        Tests = "tests",
        /// Text for people: below `doc` or `docs`, or Markdown, reStructuredText, AsciiDoc or plain text.
        Docs = "docs",
        /// Anything else.
        Code = "code"
    }
);

const TEST_DIRECTORIES: [&str; 7] = ["test", "tests", "__tests__", "spec", "specs", "testdata", "e2e"];

const TEST_BEGINNINGS: [&str; 1] = ["test_"];

/// How the name of a test ends before its extension.
const TEST_ENDINGS: [&str; 6] = ["_test", "_tests", ".test", ".spec", "_spec", "-test"];

const DOC_DIRECTORIES: [&str; 2] = ["doc", "docs"];

const DOC_EXTENSIONS: [&str; 5] = ["md", "mdx", "rst", "adoc", "txt"];

/// The class of a path, with either kind of separator. A test below `docs` is a test.
#[must_use]
pub fn class(path: &str) -> FileClass {
    let path = path.to_ascii_lowercase();
    let mut parts: Vec<&str> = path.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
    let name = parts.pop().unwrap_or_default();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let is_test = parts.iter().any(|part| TEST_DIRECTORIES.contains(part))
        || TEST_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
        || TEST_ENDINGS.iter().any(|end| stem.ends_with(end))
        || matches!(stem, "test" | "tests" | "conftest");
    if is_test {
        FileClass::Tests
    } else if DOC_EXTENSIONS.contains(&extension) || parts.iter().any(|part| DOC_DIRECTORIES.contains(part)) {
        FileClass::Docs
    } else {
        FileClass::Code
    }
}
