//! Following alerts: many clients, one reader.

use axum::body::{Body, BodyDataStream};
use futures_util::{FutureExt, StreamExt};
use http::Request;
use serde_json::{Value, json};

use crate::support::{Service, usage};

/// A client of the stream.
struct Client {
    body: BodyDataStream,
    read: String,
}

impl Client {
    async fn of(service: &Service, last_event_id: &str) -> Self {
        let mut request = Request::get("/v1/alerts/stream").header("host", "localhost:7070");
        if !last_event_id.is_empty() {
            request = request.header("last-event-id", last_event_id);
        }
        let response = service.answer(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), 200);
        Self { body: response.into_body().into_data_stream(), read: String::new() }
    }

    /// The id of the next event, with its data, its fields in the order of their names.
    async fn next(&mut self) -> (String, String) {
        self.next_if_any().await.expect("the stream goes on")
    }

    /// The same; `None` where the stream ends.
    async fn next_if_any(&mut self) -> Option<(String, String)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let field =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
                let data =
                    field("data: ").map(|data| serde_json::from_str::<Value>(&data).unwrap().to_string());
                let found = field("id: ").zip(data);
                self.read = rest.to_owned();
                if found.is_some() {
                    return found;
                }
                continue;
            }
            let piece = self.body.next().await?.unwrap();
            self.read.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }
}

/// Makes a task exceed the limit of PLAN, which raises alerts.
async fn over(service: &Service, task: &str) {
    service.open(task).await;
    let started = json!([{"id": format!("s-{task}"), "task": task, "phase_started": {"phase": "PLAN"}}]);
    assert_eq!(service.append(started).await.0, 201);
    assert_eq!(service.append(json!([usage(task, &format!("u-{task}"), "PLAN", 90_000)])).await.0, 201);
}

async fn changes(service: &Service) -> Vec<(String, String)> {
    let (_, _) = service.get("/v1/alerts?at_least=tail").await;
    let (_, page) = service.get("/v1/alerts/changes").await;
    let changes = page["changes"].as_array().unwrap();
    changes.iter().map(|change| (change["sequence"].to_string(), change.to_string())).collect()
}

#[tokio::test]
async fn every_client_gets_every_change_once_from_where_it_was() {
    let service = Service::new().await;
    over(&service, "T-1").await;
    let before = changes(&service).await;
    let mut early = [Client::of(&service, "").await, Client::of(&service, "").await];
    for client in &mut early {
        for expected in &before {
            assert_eq!(&client.next().await, expected, "what it missed");
        }
    }
    over(&service, "T-2").await;
    let all = changes(&service).await;
    assert!(all.len() > before.len());
    let last = &before.last().unwrap().0;
    let mut back = Client::of(&service, last).await;
    let of_last = before.iter().filter(|(id, _)| id == last);
    for expected in of_last.chain(&all[before.len()..]) {
        assert_eq!(&back.next().await, expected, "that record as a whole, then what came after");
    }
    for client in &mut early {
        for expected in &all[before.len()..] {
            assert_eq!(&client.next().await, expected, "what came");
        }
    }
    over(&service, "T-3").await;
    let now = changes(&service).await;
    for client in early.iter_mut().chain([&mut back]) {
        for expected in &now[all.len()..] {
            assert_eq!(&client.next().await, expected, "one reader serves them all");
        }
    }
}

/// How often the view of alerts was read for its changes.
async fn reads(service: &Service) -> u64 {
    let (_, page) = service.get("/metrics").await;
    let page = page.as_str().unwrap().to_owned();
    let value = page.lines().find_map(|line| line.strip_prefix("tollgate_alert_change_reads_total "));
    value.unwrap_or_else(|| panic!("{page}")).parse().unwrap()
}

#[tokio::test]
async fn many_clients_cost_no_more_reads_than_one() {
    const CLIENTS: usize = 50;
    let service = Service::new().await;
    let (saw, mut seen) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..CLIENTS {
        let (mut client, saw) = (Client::of(&service, "").await, saw.clone());
        tokio::spawn(async move {
            let mut nth = 0;
            loop {
                let (_, data) = client.next().await;
                if data.contains(&format!("\"T-{nth}\"")) {
                    nth += 1;
                    saw.send(()).unwrap();
                }
            }
        });
    }
    let mut before = 0;
    for nth in 0..=10 {
        over(&service, &format!("T-{nth}")).await;
        for _ in 0..CLIENTS {
            seen.recv().await.unwrap();
        }
        if nth == 0 {
            before = reads(&service).await;
        }
    }
    let reads = reads(&service).await - before;
    assert!(reads < 10 * CLIENTS as u64, "{reads} reads for 10 tasks: each client reads by itself");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_dropped_and_comes_back() {
    let service = Service::new().await;
    over(&service, "T-0").await;
    let (mut slow, mut quick) = (Client::of(&service, "").await, Client::of(&service, "").await);
    let mut last = changes(&service).await.pop().unwrap();
    let (mut seen, mut nth) = (slow.next().await, 0);
    // A client that was still catching up when a round began does not count as slow yet: it has the next
    // round.
    let dropped = loop {
        assert!(nth < 1_000, "it holds {nth} pages back");
        while seen != last {
            match slow.next_if_any().await {
                Some(next) => seen = next,
                None => break,
            }
        }
        if seen != last {
            break seen;
        }
        for _ in 0..1_000 {
            assert!(slow.next_if_any().now_or_never().is_none(), "it has all, so it waits");
            tokio::task::yield_now().await;
        }
        // The quick one waits for each page separately.
        for _ in 0..80 {
            nth += 1;
            over(&service, &format!("T-{nth}")).await;
            let task = format!("\"T-{nth}\"");
            while !quick.next().await.1.contains(&task) {}
        }
        last = changes(&service).await.pop().unwrap();
    };
    let mut back = Client::of(&service, &dropped.0).await;
    while back.next().await != last {}
}
