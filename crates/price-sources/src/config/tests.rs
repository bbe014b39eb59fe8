//! What a file of sources may say.

use super::*;

const WHOLE: &str = r#"
unverified: wait
new_models: false
update_every_s: 43200
sources:
  - {id: litellm, kind: litellm, url: "https://example.com/map.json", trust: 0.9, every_s: 3600}
  - {id: own, kind: litellm, file: own.json, trust: 1}
  - id: list
    kind: json
    url: "https://example.com/list"
    trust: 0.75
    items: data.models
    fields: {model: id, provider: vendor, input: price.in, output: price.out, per: million}
  - id: page
    kind: html
    url: "https://example.com/prices"
    trust: 0.7
    fields: {model: Model, provider_is: acme, input: "Input ($)", per: thousand}
"#;

#[test]
fn a_whole_file_is_read() {
    let read = PriceSources::from_yaml(WHOLE, Path::new("/etc/tollgate")).unwrap();
    assert_eq!(read.rules, UpdateRules { unverified: Unverified::Wait, new_models: false });
    assert_eq!(read.update_every_s, Some(43_200));
    let told: Vec<String> = read
        .sources
        .iter()
        .map(|source| {
            let place = source.place.text();
            format!(
                "{} {} {place} {} {}",
                source.id,
                source.kind.as_str(),
                source.trust.thousandths(),
                source.every_s
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "litellm litellm example.com/map.json 900 3600",
            "own litellm /etc/tollgate/own.json 1000 86400",
            "list json example.com/list 750 86400",
            "page html example.com/prices 700 86400",
        ]
    );
    let Kind::Json { items, fields } = &read.sources[2].kind else { panic!("{read:?}") };
    assert_eq!(
        (items.as_str(), fields.per, fields.provider.as_deref()),
        ("data.models", 1_000_000, Some("vendor"))
    );
}

#[test]
fn everything_that_is_wrong_is_told() {
    for (source, problems) in [
        (
            "{kind: litellm, file: a, trust: 1}",
            "sources[0].id: must be given: prices name their source by it",
        ),
        (
            "{id: manual, kind: litellm, file: a, trust: 1}",
            "sources[0].id: `manual`: is the word for prices that no source gives",
        ),
        (
            "{id: a, file: a, trust: 1}",
            "sources[0].kind: must be given: one of litellm, genai_prices, json, html",
        ),
        (
            "{id: a, kind: litelm, file: a, trust: 1}",
            "sources[0].kind: `litelm`: must be one of litellm, genai_prices, json, html; did you mean `litellm`?",
        ),
        ("{id: a, kind: litellm, trust: 1}", "sources[0].url: must be given, or `file`"),
        (
            "{id: a, kind: litellm, file: a, url: \"https://b\", trust: 1}",
            "sources[0].file: cannot be combined with `url`: make it two sources",
        ),
        (
            "{id: a, kind: litellm, file: a}",
            "sources[0].trust: must be a number from 0 to 1 with at most 3 places, such as 0.9",
        ),
        (
            "{id: a, kind: litellm, file: a, trust: 1.1}",
            "sources[0].trust: `1.1`: must be a number from 0 to 1 with at most 3 places, such as 0.9",
        ),
        (
            "{id: a, kind: litellm, file: a, trust: 1, fields: {}}",
            "sources[0].fields: `a mapping`: is not for the kind `litellm`",
        ),
        (
            "{id: a, kind: html, file: a, trust: 1}",
            "sources[0].fields: must say where a model's name and prices stand: paths of keys, or headings of columns",
        ),
        (
            "{id: a, kind: json, file: a, trust: 1, fields: {model: id, input: in}}",
            "sources[0].fields.per: must say how many tokens a price is for: token, thousand, million",
        ),
    ] {
        let text = format!("sources:\n  - {source}\n");
        let error = PriceSources::from_yaml(&text, Path::new(".")).unwrap_err().to_string();
        assert_eq!(error, format!("line 2: {problems}"), "{source}");
    }
}

#[test]
fn servers_update_by_themselves_only_if_they_are_told_to() {
    let read = |text: &str| {
        let read = PriceSources::from_yaml(&format!("{text}\nsources: []\n"), Path::new("."));
        read.map(|read| read.update_every_s).map_err(|error| error.to_string())
    };
    assert_eq!(read(""), Ok(None));
    assert_eq!(read("update_every_s: 60"), Ok(Some(60)));
    for (text, problem) in [
        ("update_every_s: 59", "update_every_s: `59`: must be at least 60"),
        ("update_every_s: 24h", "update_every_s: `24h`: must be a whole number"),
        ("update_every_s: 31622401", "update_every_s: `31622401`: must be"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn an_address_needs_a_permit_for_the_machines_own_network() {
    let text = "sources:\n  - {id: a, kind: litellm, trust: 1, url: \"http://127.0.0.1:9/x\"}\n";
    let error = PriceSources::from_yaml(text, Path::new(".")).unwrap_err().to_string();
    assert!(error.contains("sources[0].url"), "{error}");
}
