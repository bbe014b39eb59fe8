//! What reports of money are told apart by, as questions name it.

use tollgate_domain::zone::Grain;
use tollgate_projection::money::{InvalidLineDimension, LineDimension};

use crate::problem::{Answer, INVALID};

/// What the word is for lines without periods.
pub(super) const NO_PERIODS: &str = "none";

/// What `by` names: a period, and dimensions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct By {
    /// `hour`, `day`, `week`, `month` or [`NO_PERIODS`].
    pub(super) period: Option<String>,
    pub(super) dimensions: Vec<LineDimension>,
}

impl By {
    /// From names separated by commas, such as `month,team`.
    pub(super) fn of(by: Option<&str>) -> Answer<Self> {
        let mut found = Self::default();
        for name in names(by.unwrap_or_default()) {
            if name == NO_PERIODS || Grain::from_word(name).is_some() {
                if let Some(earlier) = found.period.replace(name.to_owned()) {
                    let rule = format!("must name one period: `{earlier}` is another");
                    return Err(INVALID.of_field("by", name, &rule));
                }
                continue;
            }
            let dimension = name.parse().map_err(|error: InvalidLineDimension| {
                let rule = match &error {
                    InvalidLineDimension::InTask(_) => error.to_string(),
                    InvalidLineDimension::Unknown(_) => {
                        format!("must be `hour`, `day`, `week` or `month`, or what usage is told apart by, which {error}")
                    }
                };
                INVALID.of_field("by", name, &rule)
            })?;
            if !found.dimensions.contains(&dimension) {
                found.dimensions.push(dimension);
            }
        }
        Ok(found)
    }
}

/// Dimensions by their names, separated by commas, each once.
pub(super) fn dimensions(field: &str, text: &str) -> Answer<Vec<LineDimension>> {
    let mut found = Vec::new();
    for name in names(text) {
        let dimension = dimension(field, name)?;
        if !found.contains(&dimension) {
            found.push(dimension);
        }
    }
    Ok(found)
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty())
}

fn dimension(field: &str, name: &str) -> Answer<LineDimension> {
    name.parse().map_err(|error: InvalidLineDimension| INVALID.of_field(field, name, &error.to_string()))
}

/// Dimensions with the values that usage must have: `provider=anthropic,team=search`.
pub(super) fn only(filters: &str) -> Answer<Vec<(LineDimension, String)>> {
    let one = |filter: &str| {
        let Some((name, value)) = filter.split_once('=') else {
            let rule = "must be a dimension and its value, such as provider=anthropic";
            return Err(INVALID.of_field("only", filter, rule));
        };
        Ok((dimension("only", name.trim())?, value.to_owned()))
    };
    filters.split(',').filter(|filter| !filter.trim().is_empty()).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line per case: `by | the period and the dimensions, or the problem`.
    #[test]
    fn a_period_and_dimensions_are_told_apart() {
        for line in "
            -                    | -
            month                | month
            none                 | none
            team                 | - team
            month, label:a ,team | month label.a team
            team,label.team,week | week team
            day,week             | must name one period: `day` is another
            year                 | must be `hour`, `day`, `week` or `month`, or what usage is told apart by, which must be tenant
            modell               | did you mean `model`?
            session              | `tollgate usage summary --group-by session --format csv` has tokens
        "
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        {
            let (given, then) = line.split_once('|').expect("2 columns");
            let (given, then) = (given.trim(), then.trim());
            match By::of((given != "-").then_some(given)) {
                Ok(by) => {
                    let period = by.period.unwrap_or_else(|| "-".to_owned());
                    let shown: Vec<String> =
                        std::iter::once(period).chain(by.dimensions.iter().map(LineDimension::to_string)).collect();
                    assert_eq!(shown.join(" "), then, "{line}");
                }
                Err(problem) => {
                    let said = format!("{problem:?}");
                    assert!(said.contains(then), "{line}: {said}");
                }
            }
        }
    }
}
