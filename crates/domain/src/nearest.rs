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
}
