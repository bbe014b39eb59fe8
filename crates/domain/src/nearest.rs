//! The known name nearest to a mistyped one.

/// `; did you mean `x`?` if a known name is close enough, otherwise empty. Ready to append to a message.
#[must_use]
pub fn hint<S: AsRef<str>>(given: &str, known: &[S]) -> String {
    find(given, known).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// The known name closest to `given`, ignoring case, if they differ in no more than a third of their letters.
#[must_use]
pub fn find<'a, S: AsRef<str>>(given: &str, known: &'a [S]) -> Option<&'a str> {
    let (given, letters_given) = (given.to_lowercase(), Letters::of(given));
    let near = |name: &'a S| {
        let name = name.as_ref();
        let letters_known = Letters::of(name);
        let letters = letters_given.all.max(letters_known.all).max(3);
        if letters_given.apart_at_least(&letters_known).saturating_mul(3) > letters {
            return None;
        }
        let distance = strsim::damerau_levenshtein(&given, &name.to_lowercase());
        (distance.saturating_mul(3) <= letters).then_some((distance, name))
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

/// How often each letter stands in a name, its case ignored: tells in nanoseconds that two names are far apart.
struct Letters {
    /// Some share a place: those of ASCII that are 64 apart, and all that are not of ASCII.
    counts: [u32; 64],
    all: usize,
}

impl Letters {
    fn of(name: &str) -> Self {
        let mut letters = Self { counts: [0; 64], all: 0 };
        for letter in name.chars() {
            for small in letter.to_lowercase() {
                letters.all = letters.all.saturating_add(1);
                let place = if small.is_ascii() { small as usize % 64 } else { 0 };
                // Less than 64, so there is such a place.
                let count = &mut letters.counts[place];
                *count = count.saturating_add(1);
            }
        }
        letters
    }

    /// The fewest changes that turn one name into the other: each adds, removes or replaces at most one letter.
    fn apart_at_least(&self, other: &Self) -> usize {
        let more = |a: &Self, b: &Self| -> u32 {
            a.counts.iter().zip(&b.counts).map(|(a, b)| a.saturating_sub(*b)).sum()
        };
        more(self, other).max(more(other, self)) as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Compares with every name.
    fn find_slowly<'a>(given: &str, known: &'a [String]) -> Option<&'a str> {
        let given = given.to_lowercase();
        let near = |name: &'a String| {
            let lower = name.to_lowercase();
            let distance = strsim::damerau_levenshtein(&given, &lower);
            let letters = given.chars().count().max(lower.chars().count());
            (distance * 3 <= letters.max(3)).then_some((distance, name.as_str()))
        };
        known.iter().filter_map(near).min_by_key(|&(distance, _)| distance).map(|(_, name)| name)
    }

    proptest! {
        #[test]
        fn names_that_are_not_compared_are_too_far_apart(
            given in "[a-eABéÉΣσςİK0-2/]{0,9}",
            known in proptest::collection::vec("[a-eABéÉΣσςİK0-2/]{0,9}", 0..12),
        ) {
            prop_assert_eq!(find(&given, &known), find_slowly(&given, &known));
        }
    }

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
