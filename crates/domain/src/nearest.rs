//! The known name nearest to a mistyped one.

/// `; did you mean `x`?` if a known name is close enough, otherwise empty. Ready to append to a message.
#[must_use]
pub fn hint<S: AsRef<str>>(given: &str, known: &[S]) -> String {
    find(given, known).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// The known name closest to `given`, ignoring case, if they differ in no more than a third of their letters.
#[must_use]
pub fn find<'a, S: AsRef<str>>(given: &str, known: &'a [S]) -> Option<&'a str> {
    let given = given.to_lowercase();
    let near = |name: &'a S| {
        let name = name.as_ref();
        let distance = strsim::damerau_levenshtein(&given, &name.to_lowercase());
        let letters = given.chars().count().max(name.chars().count());
        (distance.saturating_mul(3) <= letters.max(3)).then_some((distance, name))
    };
    known.iter().filter_map(near).min_by_key(|&(distance, _)| distance).map(|(_, name)| name)
}

/// The known name that `given` is probably a slip of: at most two letters apart, case ignored, with the same digits in
/// the same order. Another digit is another version, such as a new model.
#[must_use]
pub fn typo<'a, S: AsRef<str>>(given: &str, known: &'a [S]) -> Option<&'a str> {
    let digits = |name: &str| name.chars().filter(char::is_ascii_digit).collect::<String>();
    let meant: Vec<&str> =
        known.iter().map(AsRef::as_ref).filter(|name| digits(name) == digits(given)).collect();
    let found = find(given, &meant)?;
    let meant = known.iter().map(AsRef::as_ref).find(|name| *name == found)?;
    (strsim::damerau_levenshtein(&given.to_lowercase(), &meant.to_lowercase()) <= 2).then_some(meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        let known = ["STRATEGIZE", "THINK", "IMPLEMENT", "PR"];
        assert_eq!(find("THINKK", &known), Some("THINK"));
        assert_eq!(find("implment", &known), Some("IMPLEMENT"));
        assert_eq!(find("stratgeize", &known), Some("STRATEGIZE"));
        assert_eq!(find("deploy", &known), None);
        assert_eq!(hint("deploy", &known), "");
        assert_eq!(hint("thnik", &known), "; did you mean `THINK`?");
    }

    #[test]
    fn a_slip_of_the_hand_is_no_new_version_and_no_sister() {
        let known = ["openai/gpt-5", "gpt-5", "claude-opus-5", "claude-sonnet-4"];
        for (given, meant) in [
            ("gtp-5", Some("gpt-5")),
            ("gpt5", Some("gpt-5")),
            ("opnai/gpt-5", Some("openai/gpt-5")),
            ("gpt-6", None),
            ("gpt-5.1", None),
            ("claude-sonnet-5", None),
            ("claude-opsu-5", Some("claude-opus-5")),
            ("acme", None),
        ] {
            assert_eq!(typo(given, &known), meant, "{given}");
        }
    }
}
