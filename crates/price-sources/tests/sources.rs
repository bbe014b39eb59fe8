//! Sources that a local server plays, with the faults that real ones have.

#![expect(clippy::unwrap_used, reason = "helpers of tests are not functions of tests to the linter")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tollgate_domain::price::{PriceHistory, SourceHistory};
use tollgate_domain::time::Timestamp;
use tollgate_outbound::Timeouts;
use tollgate_price_sources::{Gather, Gathered, PriceSources};

const NOW: &str = "2026-11-29T12:00:00Z";

/// How a source answers.
#[derive(Clone)]
enum Answer {
    Text(&'static str),
    /// The head promises more than the body has.
    Half(&'static str),
    Status(u16),
    Never,
}

const MAP: &str = r#"{"gpt-5": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05},
    "gpt-5-mini": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2.5e-07, "output_cost_per_token": 2e-06}}"#;

const GENAI: &str = r#"[{"id": "openai", "models": [{"id": "gpt-5", "match": {"starts_with": "gpt-5"}, "prices": {"input_mtok": 1.25, "output_mtok": 10}}]}]"#;

/// Serves answers in turn, the last one for ever. Returns its port.
async fn serve(answers: Vec<Answer>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut nth = 0;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let answer = answers[nth.min(answers.len() - 1)].clone();
            nth += 1;
            let text = match answer {
                Answer::Text(body) => {
                    format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    )
                }
                Answer::Half(body) => {
                    format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}",
                        body.len(),
                        &body[..body.len() / 2]
                    )
                }
                Answer::Status(status) => format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"),
                Answer::Never => {
                    tokio::spawn(async move {
                        let mut stream = stream;
                        let _ = stream.read(&mut [0; 1]).await;
                    });
                    continue;
                }
            };
            let _ = stream.write_all(text.as_bytes()).await;
        }
    });
    port
}

fn source(id: &str, kind: &str, port: u16) -> String {
    format!(
        "  - {{id: {id}, kind: {kind}, url: \"http://127.0.0.1:{port}/list\", trust: 0.9, allow_http: true, allow_private: true, ports: [{port}]}}\n"
    )
}

fn config(sources: &[String]) -> PriceSources {
    PriceSources::from_yaml(&format!("sources:\n{}", sources.concat()), Path::new(".")).unwrap()
}

/// `hours` after the beginning of the test.
fn at(hours: i64) -> Timestamp {
    NOW.parse::<Timestamp>().unwrap().plus_millis(hours * 3_600_000)
}

async fn gather(config: &PriceSources, dir: &Path, hours: i64) -> Gathered {
    let history = PriceHistory::default();
    let within = Duration::from_secs(3);
    let timeouts = Some(Timeouts { connect: within, total: within });
    Gather { timeouts, ..Gather::new(dir, &history, at(hours)) }.run(config).await
}

/// `source models problem or note`, of each source.
fn told(gathered: &Gathered) -> Vec<String> {
    let one = |checked: &tollgate_price_sources::Checked| {
        let said = checked.problem.as_ref().or(checked.note.as_ref()).map(String::as_str).unwrap_or_default();
        format!("{} {} {said}", checked.source, checked.models).trim().to_owned()
    };
    gathered.checked.iter().map(one).collect()
}

#[tokio::test]
async fn one_source_that_fails_never_keeps_the_others_from_being_used() {
    let faults = [
        (Answer::Status(500), "answered 500, not 200"),
        (Answer::Status(302), "answered 302, not 200"),
        (Answer::Never, "no answer within 3000 ms"),
        (Answer::Half(MAP), ""),
        (
            Answer::Text("<html>sign in</html>"),
            "the text is not a price map of LiteLLM: the file is no JSON object",
        ),
        (Answer::Text("{}"), "the text has no price per token"),
        (Answer::Text(r#"{"m": {"input_cost_per_token": -1}}"#), "must not be negative"),
    ];
    for (fault, reason) in faults {
        let dir = tempfile::tempdir().unwrap();
        let (good, bad) = (serve(vec![Answer::Text(GENAI)]).await, serve(vec![fault]).await);
        let config = config(&[source("bad", "litellm", bad), source("good", "genai_prices", good)]);
        let gathered = gather(&config, dir.path(), 0).await;
        let told = told(&gathered);
        assert!(told[0].starts_with("bad 0 ") && told[0].contains(reason), "{told:?}");
        assert_eq!(told[1], "good 1");
        assert_eq!(gathered.lists.len(), 1);
    }
}

#[tokio::test]
async fn without_a_network_the_last_list_is_used_and_its_age_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let port = serve(vec![Answer::Text(MAP), Answer::Status(503)]).await;
    let config = config(&[source("a", "litellm", port)]);
    assert_eq!(told(&gather(&config, dir.path(), 0).await), ["a 2"]);
    // Not due: nobody is asked.
    let again = gather(&config, dir.path(), 1).await;
    assert_eq!((told(&again), again.checked[0].asked), (vec!["a 2".to_owned()], false));
    let later = gather(&config, dir.path(), 25).await;
    let expected = format!(
        "a 2 the list of 2026-11-29T12:00:00Z is used: http://127.0.0.1:{port}: answered 503, not 200"
    );
    assert_eq!(told(&later), [expected]);
    assert_eq!((later.checked[0].fetched_at, later.lists.len()), (Some(at(0)), 1));
    // Beyond its time to live it is no list any more.
    let late = gather(&config, dir.path(), 31 * 24).await;
    assert!(late.lists.is_empty() && told(&late)[0].ends_with("answered 503, not 200"), "{late:?}");
    let again = gather(&config, dir.path(), 31 * 24).await;
    assert!(again.lists.is_empty(), "{again:?}");
    assert_eq!(told(&again), ["a 0 it was asked a moment ago and gave no list; try again later"]);
}

#[tokio::test]
async fn a_source_is_not_asked_again_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let port = serve(vec![Answer::Status(503), Answer::Text(MAP)]).await;
    let config = config(&[source("a", "litellm", port)]);
    assert!(told(&gather(&config, dir.path(), 0).await)[0].ends_with("answered 503, not 200"));
    let again = gather(&config, dir.path(), 0).await;
    assert_eq!(told(&again), ["a 0 it was asked a moment ago and gave no list; try again later"]);
    assert_eq!(told(&gather(&config, dir.path(), 1).await), ["a 2"]);
}

#[tokio::test]
async fn a_list_that_has_shrunk_is_not_used_until_a_person_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let port = serve(vec![Answer::Text(MAP)]).await;
    let config = config(&[source("a", "litellm", port)]);
    let mut history = PriceHistory::default();
    history.sources.insert("a".to_owned(), SourceHistory { models: 3, ..SourceHistory::default() });
    let gathered = Gather::new(dir.path(), &history, at(0)).run(&config).await;
    assert!(gathered.lists.is_empty());
    assert!(told(&gathered)[0].starts_with("a 2 the list has 2 models, and had 3 when it was last used"));
    let accept_shrunk = BTreeSet::from(["a".to_owned()]);
    let accepted = Gather { accept_shrunk, ..Gather::new(dir.path(), &history, at(1)) }.run(&config).await;
    assert_eq!(accepted.lists.len(), 1);
}

#[tokio::test]
async fn models_of_one_list_are_looked_up_in_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let (map, genai) = (serve(vec![Answer::Text(MAP)]).await, serve(vec![Answer::Text(GENAI)]).await);
    let config = config(&[source("map", "litellm", map), source("genai", "genai_prices", genai)]);
    let gathered = gather(&config, dir.path(), 0).await;
    let models: Vec<usize> = gathered.lists.iter().map(|list| list.listed.len()).collect();
    // `gpt-5-mini` is one of the names that the pattern of the second list takes.
    assert_eq!(models, [2, 2]);
}
