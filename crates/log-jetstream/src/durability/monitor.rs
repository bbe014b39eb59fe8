//! What servers report about themselves on their monitoring ports.

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

use super::{DurabilityEvidence, Says, Server};
use crate::version::Version;

/// The largest answer that is read, in bytes. A server's is a few kilobytes.
const MAX_BYTES: usize = 1 << 20;

/// What the monitoring ports say.
pub(crate) struct Monitored {
    pub(crate) says: Says,
    /// The store directory of the server, if there is only one server.
    pub(crate) store_dir: Option<String>,
}

/// The fields of `/varz` that are used.
#[derive(Debug, Deserialize)]
struct Varz {
    server_id: String,
    version: String,
    #[serde(default)]
    jetstream: JetStream,
}

#[derive(Debug, Default, Deserialize)]
struct JetStream {
    config: Option<Config>,
}

#[derive(Debug, Deserialize)]
struct Config {
    #[serde(default)]
    store_dir: String,
    /// Absent before 2.10, and if the setting is off.
    #[serde(default)]
    sync_always: bool,
}

/// Queries all of these monitoring ports: each must say yes, and one must belong to the server of the
/// connection.
pub(crate) async fn ask(urls: &str, server: &Server, within: Duration) -> Monitored {
    let mut answers = Vec::new();
    for url in urls.split(',').map(|url| url.trim().trim_end_matches('/')) {
        let asked = tokio::time::timeout(within, varz(url)).await;
        let answer = asked.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        match answer {
            Ok(varz) => answers.push((url, varz)),
            Err(reason) => {
                let says = Says::Nothing(format!("{url}/varz cannot be read: {reason}"));
                return Monitored { says, store_dir: None };
            }
        }
    }
    let store_dir = match answers.as_slice() {
        [(_, Varz { jetstream: JetStream { config: Some(config) }, .. })] => Some(config.store_dir.clone()),
        _ => None,
    };
    Monitored { says: judge(&answers, urls, server), store_dir }
}

fn judge(answers: &[(&str, Varz)], urls: &str, server: &Server) -> Says {
    if !answers.iter().any(|(_, varz)| varz.server_id == server.id) {
        return Says::No(format!("{urls} is the monitoring port of another server than the connected one"));
    }
    if answers.len() < server.replicas {
        return Says::Nothing(format!(
            "{} monitoring addresses were given, the stream has {} replicas",
            answers.len(),
            server.replicas
        ));
    }
    for (url, Varz { version, jetstream, .. }) in answers {
        match &jetstream.config {
            None => return Says::No(format!("{url} says that JetStream is off")),
            Some(config) if config.sync_always => {}
            Some(_) if Version::read(version.clone()).syncs_when_told() => {
                return Says::No(format!(
                    "{url} says that it does not sync before it acknowledges (sync_interval)"
                ));
            }
            Some(_) => {
                return Says::Nothing(format!(
                    "the server's version {version} syncs once a minute and has no setting for it before 2.10"
                ));
            }
        }
    }
    Says::Yes(DurabilityEvidence::Monitor(urls.to_owned()))
}

/// Reads `/varz`.
async fn varz(url: &str) -> Result<Varz, String> {
    let Some(authority) = url.strip_prefix("http://") else {
        return Err("the address must begin with http://".to_owned());
    };
    let address = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:8222") };
    let stream = TcpStream::connect(&address).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let asking = async {
        let request = hyper::Request::get("/varz")
            .header(hyper::header::HOST, authority)
            .body(Empty::<Bytes>::new())
            .map_err(|error| error.to_string())?;
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        if !response.status().is_success() {
            return Err(format!("status {}", response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_BYTES).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        serde_json::from_slice(&body).map_err(|error| format!("it is no answer of a nats-server: {error}"))
    };
    let mut asking = std::pin::pin!(asking);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        answer = &mut asking => answer,
        // Once the connection ends, the answer has arrived or never will.
        _ = &mut connection => asking.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(version: &str, id: &str, config: &str) -> Varz {
        let text =
            format!(r#"{{"server_id":"{id}","version":"{version}","jetstream":{{{config}}},"more":1}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn servers_are_believed_as_far_as_they_say_it() {
        let always = r#""config":{"store_dir":"/js","sync_interval":120000000000,"sync_always":true}"#;
        let not = r#""config":{"store_dir":"/js","sync_interval":120000000000}"#;
        let table: &[(&[Varz], usize, &str)] = &[
            (&[said("2.10.29", "A", always)], 1, "yes"),
            (&[said("2.12.1", "A", not)], 1, "no: does not sync before it acknowledges"),
            (&[said("2.9.10", "A", not)], 1, "nothing: syncs once a minute"),
            (&[said("2.12.1", "B", always)], 1, "no: another server"),
            (&[said("2.12.1", "A", "")], 1, "no: JetStream is off"),
            (&[said("2.12.1", "A", always)], 3, "nothing: 1 monitoring addresses were given"),
            (&[said("2.12.1", "B", always), said("2.12.1", "A", always)], 2, "yes"),
            (&[said("2.12.1", "B", not), said("2.12.1", "A", always)], 2, "no: does not sync"),
        ];
        for (answers, replicas, expected) in table {
            let answers: Vec<_> = answers.iter().map(|varz| ("http://m", copy(varz))).collect();
            let server = Server { id: "A".to_owned(), replicas: *replicas };
            let found = match judge(&answers, "http://m", &server) {
                Says::Yes(_) => "yes".to_owned(),
                Says::No(what) => format!("no: {what}"),
                Says::Nothing(what) => format!("nothing: {what}"),
            };
            let (word, part) = expected.split_once(": ").unwrap_or((expected, ""));
            assert!(found.starts_with(word) && found.contains(part), "{found}, expected {expected}");
        }
    }

    fn copy(varz: &Varz) -> Varz {
        let config = varz
            .jetstream
            .config
            .as_ref()
            .map(|config| Config { store_dir: config.store_dir.clone(), sync_always: config.sync_always });
        let (server_id, version) = (varz.server_id.clone(), varz.version.clone());
        Varz { server_id, version, jetstream: JetStream { config } }
    }
}
