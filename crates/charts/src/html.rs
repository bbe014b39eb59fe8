//! Figures as one page of HTML that needs nothing else: each picture with its numbers in a table.

use std::fmt::Write;

use crate::figure::{DataTable, Figure};
use crate::palette;
use crate::svg::{Styles, escaped, svg};

const STYLE: &str = include_str!("page.css");

/// A page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// What it is called.
    pub title: String,
    /// What it is about, a name and a value each.
    pub facts: Vec<(String, String)>,
    /// What is to be seen.
    pub figures: Vec<Figure>,
    /// What a reader should know: lists, each with its heading.
    pub notes: Vec<(String, Vec<String>)>,
    /// What stands below everything.
    pub footer: String,
}

/// The rules for pictures that follow those of their page.
#[must_use]
pub fn stylesheet() -> String {
    palette::stylesheet()
}

/// The page, as one file.
#[must_use]
pub fn html(page: &Page) -> String {
    let title = escaped(&page.title);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}{}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n",
        stylesheet()
    );
    if !page.facts.is_empty() {
        out.push_str("<dl class=\"facts\">\n");
        for (name, value) in &page.facts {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", escaped(name), escaped(value));
        }
        out.push_str("</dl>\n");
    }
    for figure in &page.figures {
        let _ = writeln!(out, "<section>\n<h2>{}</h2>", escaped(&figure.title));
        let _ = write!(out, "<figure>\n{}</figure>\n", svg(&figure.scene(), Styles::OfPage));
        write_table(&figure.table, &figure.title, &mut out);
        out.push_str("</section>\n");
    }
    for (heading, notes) in page.notes.iter().filter(|(_, notes)| !notes.is_empty()) {
        let _ = writeln!(out, "<section>\n<h2 class=\"seen\">{}</h2>\n<ul>", escaped(heading));
        for note in notes {
            let _ = writeln!(out, "<li>{}</li>", escaped(note));
        }
        out.push_str("</ul>\n</section>\n");
    }
    let _ = write!(out, "<footer>{}</footer>\n</main>\n</body>\n</html>\n", escaped(&page.footer));
    out
}

fn write_table(table: &DataTable, of: &str, out: &mut String) {
    if table.rows.is_empty() {
        return;
    }
    let class = |column: usize| if column < table.text_columns { "" } else { " class=\"n\"" };
    // What scrolls can be reached by the keyboard.
    let label = escaped(&format!("Numbers: {of}"));
    let _ = write!(
        out,
        "<div class=\"numbers\" role=\"region\" aria-label=\"{label}\" tabindex=\"0\">\n<table>\n<thead><tr>"
    );
    for (column, head) in table.head.iter().enumerate() {
        let _ = write!(out, "<th scope=\"col\"{}>{}</th>", class(column), escaped(head));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let (open, close) = if column == 0 { ("th scope=\"row\"", "th") } else { ("td", "td") };
            let text = if column < table.text_columns { cell.clone() } else { kept_together(cell) };
            let _ = write!(out, "<{open}{}>{}</{close}>", class(column), escaped(&text));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
}

/// A number that is not parted from its unit: lines break before what is in brackets only.
fn kept_together(cell: &str) -> String {
    cell.replace(' ', "\u{a0}").replace("\u{a0}(", " (")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_with_their_units() {
        assert_eq!(
            kept_together("2 of 7: 28 % (8 to 64)"),
            "2\u{a0}of\u{a0}7:\u{a0}28\u{a0}% (8\u{a0}to\u{a0}64)"
        );
    }
}
