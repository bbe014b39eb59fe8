//! Bills of providers, as CSV: all lines, or what is wrong with one and where.

mod columns;

use tollgate_domain::event::BillLine;
use tollgate_domain::money::{MoneyError, Usd};
use tollgate_domain::time::Day;

pub use columns::Columns;

/// The longest text of a value that a message repeats, in characters.
const SHOWN: usize = 60;

/// Why a bill was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBill {
    /// It is not CSV.
    #[error("line {line}: not readable as CSV (UTF-8, fields separated by commas): {reason}")]
    Unreadable {
        /// The line, from 1.
        line: u64,
        /// What the reader says.
        reason: String,
    },
    /// A column is missing.
    #[error(
        "line 1: there is no column `{column}`, only {there}; name the columns of the bill with --map FILE"
    )]
    NoColumn {
        /// Which one.
        column: String,
        /// Those that there are.
        there: String,
    },
    /// A value breaks a rule.
    #[error("line {line}, column `{column}`: `{value}`: {rule}")]
    Value {
        /// The line, from 1.
        line: u64,
        /// The column.
        column: String,
        /// The value, shortened.
        value: String,
        /// The rule.
        rule: String,
    },
    /// It has only the names of the columns, or not even those.
    #[error("the bill has no lines")]
    Empty,
}

/// Reads all lines of a bill.
///
/// # Errors
///
/// The first thing that is wrong with it: nothing of it is read then.
pub fn read(text: &str, columns: &Columns) -> Result<Vec<(Day, BillLine)>, InvalidBill> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let head = reader.headers().map_err(|error| unreadable(&error))?.clone();
    let column = |name: &str| {
        head.iter().position(|there| there.eq_ignore_ascii_case(name)).ok_or_else(|| InvalidBill::NoColumn {
            column: name.to_owned(),
            there: head.iter().collect::<Vec<_>>().join(", "),
        })
    };
    let (day, model, amount) = (column(&columns.day)?, column(&columns.model)?, column(&columns.amount)?);
    // A column of this name says it, whether it was named or not; where it was not, an empty field says nothing.
    let named = columns.currency.as_deref().map(column).transpose()?;
    let currency = named.or_else(|| head.iter().position(|there| there.eq_ignore_ascii_case("currency")));
    // Without a map, a bill may leave out how many tokens it is about.
    let is_default = *columns == Columns::default();
    let tokens: Vec<&String> =
        columns.tokens.iter().filter(|name| !is_default || column(name).is_ok()).collect();
    let tokens: Vec<usize> = tokens.into_iter().map(|name| column(name)).collect::<Result<_, _>>()?;
    let mut lines = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(&error))?;
        let line = Line { record: &record, head: &head };
        if let Some(at) = currency
            && !line.text(at).eq_ignore_ascii_case("usd")
            && (named.is_some() || !line.text(at).is_empty())
        {
            return Err(line.invalid(at, "must be USD: other currencies are not converted"));
        }
        if line.text(model).is_empty() {
            return Err(line.invalid(model, "must name a model"));
        }
        let mut sum = (!tokens.is_empty()).then_some(0_u64);
        for at in &tokens {
            sum = line.tokens(*at)?.zip(sum).and_then(|(more, sum)| sum.checked_add(more));
        }
        let bill = BillLine { model: line.text(model).to_owned(), tokens: sum, amount: line.amount(amount)? };
        lines.push((line.day(day)?, bill));
    }
    if lines.is_empty() { Err(InvalidBill::Empty) } else { Ok(lines) }
}

/// A line of a bill.
struct Line<'a> {
    record: &'a csv::StringRecord,
    head: &'a csv::StringRecord,
}

impl Line<'_> {
    fn text(&self, at: usize) -> &str {
        self.record.get(at).unwrap_or_default()
    }

    fn day(&self, at: usize) -> Result<Day, InvalidBill> {
        let date = self.text(at).get(..10).filter(|_| self.text(at).get(10..).is_none_or(is_time));
        date.and_then(|date| date.parse().ok()).ok_or_else(|| {
            self.invalid(at, "must be a day such as 2026-11-21, or a time such as 2026-11-21T08:30:00Z")
        })
    }

    /// `None`: the field is empty.
    fn tokens(&self, at: usize) -> Result<Option<u64>, InvalidBill> {
        let text = self.text(at);
        if text.is_empty() {
            return Ok(None);
        }
        let whole = text.split_once('.').map_or(text, |(whole, places)| {
            if places.chars().all(|digit| digit == '0') { whole } else { text }
        });
        whole.parse().map(Some).map_err(|_| self.invalid(at, "must be a whole number of tokens"))
    }

    fn amount(&self, at: usize) -> Result<Usd, InvalidBill> {
        let text = self.text(at);
        let plain = text.strip_prefix('$').unwrap_or(text);
        plain.parse().map_err(|error: MoneyError| self.invalid(at, &error.to_string()))
    }

    fn invalid(&self, at: usize, rule: &str) -> InvalidBill {
        InvalidBill::Value {
            line: self.record.position().map_or(0, csv::Position::line),
            column: self.head.get(at).unwrap_or_default().to_owned(),
            value: self.text(at).chars().take(SHOWN).collect(),
            rule: rule.to_owned(),
        }
    }
}

/// Whether this may follow a date.
fn is_time(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['T', ' '])
}

fn unreadable(error: &csv::Error) -> InvalidBill {
    let line = error.position().map_or(1, csv::Position::line);
    InvalidBill::Unreadable { line, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "day: Date\nmodel: Model name\ntokens: [In, Out]\namount: Cost\ncurrency: Currency\n";

    fn shown(text: &str, columns: &Columns) -> String {
        match read(text, columns) {
            Ok(lines) => {
                let tokens =
                    |line: &BillLine| line.tokens.map_or_else(|| "-".to_owned(), |tokens| tokens.to_string());
                let line = |(day, line): &(Day, BillLine)| {
                    format!("{day} {} {} {}", line.model, tokens(line), line.amount)
                };
                lines.iter().map(line).collect::<Vec<_>>().join("; ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn other_currencies_are_refused_wherever_a_column_names_them() {
        let mapped = Columns::from_yaml(MAP).unwrap();
        let plain = Columns::default();
        for (columns, text, expected) in [
            (
                &plain,
                "day,model,tokens,amount_usd,Currency\n2026-11-02,m,1,1,\n2026-11-02,m,1,1,usd\n2026-11-02,m,1,1,EUR\n",
                "line 4, column `Currency`: `EUR`: must be USD: other currencies are not converted",
            ),
            (
                &Columns { currency: None, ..mapped.clone() },
                "Date,Model name,In,Out,Cost,currency\n2026-11-02,m,3,4,0.5,GBP\n",
                "line 2, column `currency`: `GBP`: must be USD: other currencies are not converted",
            ),
            (
                &mapped,
                "Date,Model name,In,Out,Cost,Currency\n2026-11-02,m,3,4,0.5,\n",
                "line 2, column `Currency`: ``: must be USD: other currencies are not converted",
            ),
        ] {
            assert_eq!(read(text, columns).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_bill_is_read_whole_or_not_at_all() {
        let mapped = Columns::from_yaml(MAP).unwrap();
        let plain = Columns::default();
        for (columns, text, expected) in [
            (
                &plain,
                "day,model,tokens,amount_usd\n2026-11-02,gpt-5,1270,0.0022\n",
                "2026-11-02 gpt-5 1270 0.0022",
            ),
            (
                &plain,
                "\u{feff}Model,AMOUNT_USD,day\r\n\"a,b\",$1.50,2026-11-02T10:00:00Z\r\n",
                "2026-11-02 a,b - 1.5",
            ),
            (
                &plain,
                "day,model,tokens,amount_usd\n2026-11-02,m,,-1\n2026-11-03,m,7.0,1e-18\n",
                "2026-11-02 m - -1; 2026-11-03 m 7 0.000000000000000001",
            ),
            (
                &mapped,
                "Date,Model name,In,Out,Cost,Currency\n2026-11-02,m,3,4,0.5,usd\n",
                "2026-11-02 m 7 0.5",
            ),
            (
                &plain,
                "day,model\n2026-11-02,m\n",
                "line 1: there is no column `amount_usd`, only day, model; name the columns of the bill with --map FILE",
            ),
            (
                &mapped,
                "Date,Model name,In,Out,Cost,Currency\n2026-11-02,m,3,4,0.5,USD\n2026-11-02,m,3,4,0.5,EUR\n",
                "line 3, column `Currency`: `EUR`: must be USD: other currencies are not converted",
            ),
            (
                &plain,
                "day,model,tokens,amount_usd\n02.11.2026,m,1,1\n",
                "line 2, column `day`: `02.11.2026`: must be a day such as 2026-11-21, or a time such as 2026-11-21T08:30:00Z",
            ),
            (
                &plain,
                "day,model,tokens,amount_usd\n2026-11-021,m,1,1\n",
                "line 2, column `day`: `2026-11-021`: must be a day such as 2026-11-21, or a time such as 2026-11-21T08:30:00Z",
            ),
            (
                &plain,
                "day,model,tokens,amount_usd\n2026-11-02,m,1.5,1\n",
                "line 2, column `tokens`: `1.5`: must be a whole number of tokens",
            ),
            (
                &plain,
                "day,model,tokens,amount_usd\n2026-11-02,,1,1\n",
                "line 2, column `model`: ``: must name a model",
            ),
            (
                &plain,
                "day,model,tokens,amount_usd\n2026-11-02,m,1,\"1,000\"\n",
                "line 2, column `amount_usd`: `1,000`: must be a decimal number of US dollars, for example 2.50",
            ),
            (&plain, "day,model,tokens,amount_usd\n", "the bill has no lines"),
            (
                &plain,
                "",
                "line 1: there is no column `day`, only ; name the columns of the bill with --map FILE",
            ),
        ] {
            assert_eq!(shown(text, columns), expected, "{text}");
        }
        let cut = shown("day,model,tokens,amount_usd\n2026-11-02,m\n", &plain);
        assert!(cut.starts_with("line 2: not readable as CSV"), "{cut}");
    }

    #[test]
    fn a_map_names_every_problem() {
        let error = Columns::from_yaml("day: [a]\nmodel: m\ncost: c\n").unwrap_err();
        let fields: Vec<&str> = error.problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["day", "cost", "amount"], "{error}");
        let one = Columns::from_yaml("day: d\nmodel: m\namount: a\ntokens: t\n").unwrap();
        assert_eq!((one.tokens, one.currency), (vec!["t".to_owned()], None));
    }
}
