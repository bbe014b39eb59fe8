//! A strict reader of the XML that pictures are: every element is closed in order, every attribute is quoted and there
//! once, text holds no markup and no character that XML forbids.

/// A name and its value.
pub(crate) type Attribute = (String, String);

/// Checks a document, and returns its elements with their attributes.
pub(crate) fn read(text: &str) -> Result<Vec<(String, Vec<Attribute>)>, String> {
    if let Some(c) =
        text.chars().find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{fffe}' | '\u{ffff}'))
    {
        return Err(format!("character {:x}", u32::from(c)));
    }
    let (mut open, mut found, mut rest) = (Vec::<String>::new(), Vec::new(), text);
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        if open.is_empty() && !before.trim().is_empty() {
            return Err(format!("text outside of the root: {before:?}"));
        }
        references(before)?;
        let end = from.find('>').ok_or("a tag without end")?;
        let tag = &from[1..end];
        rest = &from[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop().as_deref() != Some(name) {
                return Err(format!("</{name}> closes another element"));
            }
            continue;
        }
        if open.is_empty() && !found.is_empty() {
            return Err("a second root".to_owned());
        }
        let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(format!("element {name:?}"));
        }
        found.push((name.to_owned(), read_attributes(attributes)?));
        if !closed {
            open.push(name.to_owned());
        }
    }
    if !open.is_empty() || !rest.trim().is_empty() || found.is_empty() {
        return Err(format!("left open: {open:?}, at the end: {rest:?}"));
    }
    Ok(found)
}

fn read_attributes(mut text: &str) -> Result<Vec<Attribute>, String> {
    let mut found: Vec<Attribute> = Vec::new();
    while !text.trim().is_empty() {
        let (name, rest) = text.split_once("=\"").ok_or_else(|| format!("no value: {text:?}"))?;
        let (value, rest) = rest.split_once('"').ok_or_else(|| format!("no end: {text:?}"))?;
        let name = name.trim();
        if name.is_empty()
            || name.contains(char::is_whitespace)
            || found.iter().any(|(known, _)| known == name)
        {
            return Err(format!("attribute {name:?}"));
        }
        if !rest.is_empty() && !rest.starts_with(' ') {
            return Err(format!("no space before {rest:?}"));
        }
        references(value)?;
        found.push((name.to_owned(), value.to_owned()));
        text = rest;
    }
    Ok(found)
}

fn references(text: &str) -> Result<(), String> {
    for part in text.split('&').skip(1) {
        let name = part.split_once(';').map(|(name, _)| name);
        if !matches!(name, Some("amp" | "lt" | "gt" | "quot" | "#39")) {
            return Err(format!("reference &{part}"));
        }
    }
    Ok(())
}

#[test]
fn the_reader_is_strict() {
    assert_eq!(read("<a b=\"1\"><c/>x &amp; y</a>").unwrap().len(), 2);
    for bad in [
        "",
        "<a>",
        "<a></b>",
        "<a><b></a></b>",
        "<a/><b/>",
        "<a b=1/>",
        "<a b=\"1\" b=\"2\"/>",
        "<a b=\"1\"c=\"2\"/>",
        "<a>&nbsp;</a>",
        "<a>x & y</a>",
        "<a>\u{1}</a>",
        "x<a/>",
        "<a/>x",
        "<a b=\"x\"y\"/>",
    ] {
        assert!(read(bad).is_err(), "{bad:?}");
    }
}
