//! Reading and checking a price book.

use std::path::Path;

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::price::{Notes, PriceBook, SHIPPED_PRICES};

use crate::exit::Failure;
use crate::output::line;

/// A usable price book, and everything there is to say about it.
pub(crate) struct Checked {
    source: String,
    book: PriceBook,
    notes: Notes,
    /// Aliases of the config that point to nothing in it.
    aliases: Vec<String>,
}

/// Reads a price book as a server would; with where it is from.
pub(crate) fn read(path: &Path) -> Result<(PriceBook, String), Failure> {
    let (source, book, _) = read_with_notes(path)?;
    Ok((book, source))
}

/// Reads a price book as a server would, with everything there is to say about it.
pub(crate) fn check(path: &Path, config: &BudgetConfig) -> Result<Checked, Failure> {
    let (source, book, notes) = read_with_notes(path)?;
    let aliases = config.prices.not_in(&book);
    Ok(Checked { source, book, notes, aliases })
}

fn read_with_notes(path: &Path) -> Result<(String, PriceBook, Notes), Failure> {
    let source = path.display().to_string();
    let shipped = path == Path::new(PriceBook::SHIPPED) && !path.exists();
    let text = if shipped {
        SHIPPED_PRICES.to_owned()
    } else {
        tollgate_files::read_settings(path)
            .map_err(|error| Failure::failed(format!("reading {source}: {error}")))?
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (book, notes) =
        PriceBook::from_litellm(&text, &name).map_err(|invalid| Failure::differs(invalid.to_string()))?;
    Ok((source, book, notes))
}

impl Checked {
    /// The findings, each kind as a list of sentences.
    fn lists(&self) -> [(&'static str, Vec<String>); 5] {
        let Notes { left_out, doubts, taken, other_units } = &self.notes;
        [
            ("left out", left_out.iter().map(ToString::to_string).collect()),
            ("hard to believe", doubts.iter().map(ToString::to_string).collect()),
            ("aliases without an entry", self.aliases.clone()),
            ("read as another number", taken.iter().map(ToString::to_string).collect()),
            ("without a price", other_units.iter().map(ToString::to_string).collect()),
        ]
    }

    pub(crate) fn show(&self) {
        line(&format!("{}: {} models priced, {}", self.source, self.book.len(), self.book.version()));
        for (what, sentences) in self.lists() {
            line(&format!("  {what}: {}", sentences.len()));
            sentences.iter().for_each(|sentence| line(&format!("    {sentence}")));
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let [left_out, doubts, aliases, taken, other_units] = self.lists().map(|(_, sentences)| sentences);
        serde_json::json!({"source": self.source, "price_version": self.book.version(), "models": self.book.len(),
            "left_out": left_out, "hard_to_believe": doubts, "aliases_without_entry": aliases,
            "read_as_another_number": taken, "without_a_price": other_units})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_there_is_to_say_of_a_book_is_listed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mine.json");
        let text = r#"{"a": {"input_cost_per_token": 1e-06}, "million": {"input_cost_per_token": 0.07}, "image": {"mode": "image_generation"},
            "noise": {"input_cost_per_token": 1.0000000000000001e-07},
            "upside-down": {"mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-09}}"#;
        std::fs::write(&path, text).unwrap();
        let config = BudgetConfig::from_yaml("prices: { models: { large: b } }").unwrap();
        let shown = check(&path, &config).unwrap().json();
        assert_eq!(shown["models"], 3, "{shown}");
        for (list, says) in [
            ("left_out", "price of `million`: input_cost_per_token `0.07`"),
            ("hard_to_believe", "price of `upside-down` is hard to believe"),
            ("aliases_without_entry", "prices.models.large: "),
            ("read_as_another_number", "taken as 0.0000001"),
            ("without_a_price", "`image` has no price for anything that usage reports (image_generation)"),
        ] {
            let sentences = shown[list].as_array().unwrap();
            assert!(sentences.len() == 1 && sentences[0].as_str().unwrap().contains(says), "{list}: {shown}");
        }
        std::fs::write(&path, r#"{"a": {"input_cost_per_token": NaN}}"#).unwrap();
        let refused = check(&path, &config).err().unwrap().message;
        assert!(refused.contains("line 1 column"), "{refused}");
        let shipped = check(Path::new(PriceBook::SHIPPED), &BudgetConfig::built_in()).unwrap();
        assert!(shipped.book.len() > 500);
    }
}
