//! Which column of a bill says what.

use tollgate_domain::yaml::InvalidConfig;
use tollgate_domain::yaml::fields::Fields;
use tollgate_domain::yaml::tree::{self, Node};

const KEYS: [&str; 5] = ["day", "model", "tokens", "amount", "currency"];

/// The names of a bill's columns, in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The day: a date, or a time that begins with one.
    pub day: String,
    /// The model.
    pub model: String,
    /// Tokens: columns that are added up, such as those of input and output. None: the bill does not say.
    pub tokens: Vec<String>,
    /// The amount.
    pub amount: String,
    /// The currency; `None`: the bill does not say, and is in US dollars.
    pub currency: Option<String>,
}

impl Default for Columns {
    /// `day`, `model`, `tokens`, `amount_usd`.
    fn default() -> Self {
        Self {
            day: "day".to_owned(),
            model: "model".to_owned(),
            tokens: vec!["tokens".to_owned()],
            amount: "amount_usd".to_owned(),
            currency: None,
        }
    }
}

impl Columns {
    /// Reads a map of columns.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn from_yaml(text: &str) -> Result<Self, InvalidConfig> {
        let root = tree::file(text, &KEYS).map_err(InvalidConfig::whole_file)?;
        let mut fields = Fields::default();
        let section = fields.section("", &root, &KEYS);
        let mut one = |key: &str| match section.get(key) {
            None => None,
            Some((_, Node::Text(name))) if !name.trim().is_empty() => Some(name.clone()),
            Some((field, node)) => {
                fields.wrong_type(&field, node, "the name of a column");
                None
            }
        };
        let (day, model, amount, currency) = (one("day"), one("model"), one("amount"), one("currency"));
        let tokens = match section.get("tokens") {
            None => Vec::new(),
            Some((_, Node::Text(name))) => vec![name.clone()],
            Some((field, node)) => {
                let mut names = Vec::new();
                for (nth, item) in fields.list(&field, node).iter().enumerate() {
                    match item {
                        Node::Text(name) => names.push(name.clone()),
                        other @ (Node::Null
                        | Node::Bool(_)
                        | Node::Number(_)
                        | Node::List(_)
                        | Node::Map(_)) => {
                            fields.wrong_type(&format!("{field}[{nth}]"), other, "the name of a column");
                        }
                    }
                }
                names
            }
        };
        for (key, given) in [("day", &day), ("model", &model), ("amount", &amount)] {
            if given.is_none() && !fields.problems.iter().any(|problem| problem.field == key) {
                fields.problem(key, "", "must name a column of the bill");
            }
        }
        match (day, model, amount) {
            (Some(day), Some(model), Some(amount)) if fields.problems.is_empty() => {
                Ok(Self { day, model, tokens, amount, currency })
            }
            _ => Err(InvalidConfig { problems: fields.problems }.placed_in(text)),
        }
    }
}
