//! A table of a page, by the headings of its columns. Pages are made for people: what they say is a proposal.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use html5gum::{Token, Tokenizer};
use tollgate_domain::price::{Listed, ModelName};

use crate::adapter::{Adapter, ListError, Request, unless_empty};
use crate::fields::ListFields;

/// The most cells that are read of a page.
const MAX_CELLS: usize = 50_000;

/// The most columns or rows that a cell may span.
const MAX_SPAN: usize = 100;

/// Reads the tables of a page that have all the columns.
pub(crate) struct HtmlTable {
    pub(crate) fields: ListFields,
}

/// The cells of a table, as text.
type Rows = Vec<Vec<String>>;

impl HtmlTable {
    fn all(&self, text: &str) -> Result<(Vec<Listed>, Vec<String>), ListError> {
        let form = |reason: String| ListError::Form { expected: "a page with a table of models", reason };
        let tables = tables(text).map_err(form)?;
        let (mut listed, mut skipped, mut found) = (Vec::new(), Vec::new(), false);
        for rows in &tables {
            let heads = rows.iter().position(|row| self.is_head(row));
            let Some((head, body)) = heads.and_then(|nth| Some((rows.get(nth)?, rows.get(nth + 1..)?)))
            else {
                continue;
            };
            found = true;
            for row in body {
                let value = |heading: &str| {
                    let column = head.iter().position(|cell| same(cell, heading))?;
                    row.get(column).filter(|cell| !matches!(cell.as_str(), "" | "-" | "–" | "—")).cloned()
                };
                match self.fields.listed(value) {
                    Ok(one) => listed.push(one),
                    Err(why) => skipped.push(why),
                }
            }
        }
        if found { Ok((listed, skipped)) } else { Err(form(self.no_table(tables.len()))) }
    }

    fn columns(&self) -> impl Iterator<Item = &str> {
        let named = [Some(&self.fields.model), self.fields.provider.as_ref()];
        let prices = self.fields.prices.iter().map(|(_, heading)| heading);
        named.into_iter().flatten().chain(prices).map(String::as_str)
    }

    fn is_head(&self, row: &[String]) -> bool {
        self.columns().all(|heading| row.iter().any(|cell| same(cell, heading)))
    }

    fn no_table(&self, tables: usize) -> String {
        let columns: Vec<&str> = self.columns().collect();
        format!("none of its {tables} tables has the columns {}", columns.join(", "))
    }
}

impl Adapter for HtmlTable {
    fn read(&self, text: &str, _request: &Request<'_>) -> Result<Vec<Listed>, ListError> {
        let (listed, skipped) = self.all(text)?;
        unless_empty(listed, &skipped)
    }

    fn names(&self, text: &str) -> BTreeSet<ModelName> {
        self.all(text)
            .map(|(listed, _)| listed.into_iter().map(|one| one.model).collect())
            .unwrap_or_default()
    }

    fn is_scraped(&self) -> bool {
        true
    }
}

fn same(cell: &str, heading: &str) -> bool {
    cell.eq_ignore_ascii_case(heading.trim())
}

/// A table that is being read. Cells and rows end where the next one begins, as HTML allows.
#[derive(Default)]
struct PageTable {
    rows: Rows,
    /// Cells of earlier rows that reach into later ones: by column, how many rows more, and the text.
    reaching: Vec<(usize, String)>,
    row: Option<Vec<String>>,
    cell: Option<Cell>,
}

struct Cell {
    text: String,
    columns: usize,
    rows: usize,
}

impl PageTable {
    /// Cells of earlier rows that reach into this one, up to the next free column.
    fn fill(&mut self) {
        let Some(row) = &mut self.row else { return };
        while let Some((rows, text)) = self.reaching.get_mut(row.len()).filter(|(rows, _)| *rows > 0) {
            *rows = rows.saturating_sub(1);
            row.push(text.clone());
        }
    }

    fn begin_row(&mut self) {
        self.end_row();
        self.row = Some(Vec::new());
    }

    fn begin_cell(&mut self, columns: usize, rows: usize) {
        self.end_cell();
        if self.row.is_none() {
            self.begin_row();
        }
        self.cell = Some(Cell { text: String::new(), columns, rows });
    }

    fn end_cell(&mut self) {
        let Some(cell) = self.cell.take() else { return };
        self.fill();
        let Some(row) = &mut self.row else { return };
        let text = cell.text.split_whitespace().collect::<Vec<_>>().join(" ");
        for _ in 0..cell.columns {
            if self.reaching.len() <= row.len() {
                self.reaching.resize(row.len().saturating_add(1), (0, String::new()));
            }
            if let Some(slot) = self.reaching.get_mut(row.len()) {
                *slot = (cell.rows.saturating_sub(1), text.clone());
            }
            row.push(text.clone());
        }
    }

    fn end_row(&mut self) {
        self.end_cell();
        self.fill();
        if let Some(row) = self.row.take() {
            self.rows.push(row);
        }
    }
}

/// The tables of a page.
fn tables(text: &str) -> Result<Vec<Rows>, String> {
    let mut page = Page::default();
    for token in Tokenizer::new(text) {
        let Ok(token) = token;
        if let ControlFlow::Break(reason) = page.take(token) {
            return Err(reason);
        }
    }
    page.end_table();
    Ok(page.tables)
}

#[derive(Default)]
struct Page {
    tables: Vec<Rows>,
    table: Option<PageTable>,
    cells: usize,
    /// Within `script` or `style`, whose text is not shown.
    hidden: Option<Vec<u8>>,
}

impl Page {
    fn end_table(&mut self) {
        if let Some(mut table) = self.table.take() {
            table.end_row();
            self.tables.push(table.rows);
        }
    }

    fn take(&mut self, token: Token) -> ControlFlow<String> {
        match token {
            Token::StartTag(tag) => {
                let span = |name: &[u8]| {
                    let given = tag.attributes.get(name).and_then(|value| std::str::from_utf8(value).ok());
                    given.and_then(|text| text.trim().parse().ok()).unwrap_or(1).clamp(1, MAX_SPAN)
                };
                match (&**tag.name, &mut self.table) {
                    (b"script" | b"style", _) => self.hidden = Some(tag.name.to_vec()),
                    (b"table", Some(_)) => {
                        return ControlFlow::Break("a table is nested in another".to_owned());
                    }
                    (b"table", none) => *none = Some(PageTable::default()),
                    (b"tr", Some(table)) => table.begin_row(),
                    (b"td" | b"th", Some(table)) => {
                        let (columns, rows) = (span(b"colspan"), span(b"rowspan"));
                        self.cells = self.cells.saturating_add(columns.saturating_mul(rows));
                        if self.cells > MAX_CELLS {
                            return ControlFlow::Break(format!("it has more than {MAX_CELLS} cells"));
                        }
                        table.begin_cell(columns, rows);
                    }
                    (b"br", Some(table)) => {
                        if let Some(cell) = &mut table.cell {
                            cell.text.push(' ');
                        }
                    }
                    _ => {}
                }
            }
            Token::EndTag(tag) => match (&**tag.name, &mut self.table) {
                (name, _) if self.hidden.as_deref() == Some(name) => self.hidden = None,
                (b"table", _) => self.end_table(),
                (b"tr", Some(table)) => table.end_row(),
                (b"td" | b"th", Some(table)) => table.end_cell(),
                _ => {}
            },
            Token::String(text) => {
                if self.hidden.is_none()
                    && let Some(cell) = self.table.as_mut().and_then(|table| table.cell.as_mut())
                {
                    cell.text.push_str(&String::from_utf8_lossy(&text));
                }
            }
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<Vec<String>> {
        tables(text).unwrap().concat()
    }

    #[test]
    fn cells_end_where_the_next_begins_and_reach_where_they_span() {
        assert_eq!(cells("<table><tr><td>a<td>b<tr><td>c<td>d</table>"), [["a", "b"], ["c", "d"]]);
        assert_eq!(
            cells(
                "<table><tr><th rowspan=2>a</th><th colspan=2>b</th></tr><tr><td>c</td><td>d</td></tr></table>"
            ),
            [["a", "b", "b"], ["a", "c", "d"]]
        );
        assert_eq!(
            cells("<table><tr><td> a&amp;b <br>c <b>d</b><script>x</script></td></tr></table> outside"),
            [["a&b c d"]]
        );
        assert_eq!(cells("<table><tr><td>a"), [["a"]]);
        assert!(tables("<table><tr><td><table>").unwrap_err().contains("nested"));
        let huge = format!("<table>{}", "<tr><td rowspan=100 colspan=100>x".repeat(6));
        assert!(tables(&huge).unwrap_err().contains("50000 cells"));
    }

    #[test]
    fn the_table_with_all_the_columns_is_read() {
        let prices = vec![
            ("input_cost_per_token", "Input".to_owned()),
            ("output_cost_per_token", "Output".to_owned()),
        ];
        let (model, provider) = ("Model".to_owned(), Some("Vendor".to_owned()));
        let fields = ListFields { model, provider, provider_is: None, prices, per: 1_000_000 };
        let page = HtmlTable { fields };
        let text = "<p>Prices<table><tr><th>Plan<th>Input</table><table>
            <tr><th>Vendor</th><th>MODEL</th><th>Output</th><th>Input</th></tr>
            <tr><td rowspan=2>OpenAI</td><td>big</td><td>$10.00 / 1M</td><td>$1.25 / 1M</td></tr>
            <tr><td>small</td><td>–</td><td>$0.05</td></tr>
            <tr><td>OpenAI</td><td>gift</td><td>Free</td><td>Free</td></tr></table>";
        let (listed, skipped) = page.all(text).unwrap();
        let told: Vec<String> = listed.iter().map(|one| format!("{} {}", one.entry, one.rates)).collect();
        assert_eq!(
            told,
            [
                r#"openai/big {"input_cost_per_token": 0.00000125, "litellm_provider": "openai", "output_cost_per_token": 0.00001}"#,
                r#"openai/small {"input_cost_per_token": 0.00000005, "litellm_provider": "openai"}"#,
            ]
        );
        assert_eq!(skipped, ["`gift` has `Free` as Input, which is no price"]);
        let error = page.all("<table><tr><td>x</table>").unwrap_err().to_string();
        assert!(
            error.contains("none of its 1 tables has the columns Model, Vendor, Input, Output"),
            "{error}"
        );
    }
}
