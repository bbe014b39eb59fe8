//! A flood: clients that send nothing, that send a header byte by byte, and that never read an answer, beside producers
//! who behave. What those notice of it is the figure.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tollgate_client::{Client, HttpTransport};
use tollgate_clock::sleep;

use crate::driver::{Shape, Times, drive};
use crate::http::Requests;
use crate::output::{Report, progress};
use crate::place::Place;
use crate::process::{Process, beside_this};
use crate::stats::{Samples, percentile};

/// Those who behave.
const SHAPE: Shape = Shape { producers: 16, batch: 1 };

/// How often a slow client sends a byte.
const BYTE_EVERY: Duration = Duration::from_millis(500);

/// How many answers a client asks for that it never reads.
const UNREAD: usize = 64;

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Flood {
    /// Connections of the flood, a third of each kind
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u64).range(3..=10_000))]
    connections: u64,
    /// Rounds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// In a new directory below this one, which must be on a disk; else below the build's directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs it.
pub(crate) fn run(flood: &Flood) -> Result<Report, String> {
    let (binary, place) = (beside_this()?, Place::make(flood.dir.as_deref())?);
    let times = Times { warm_up: Duration::from_secs(1), measured: Duration::from_secs(4) };
    let (mut figures, mut ratios) = (Samples::default(), Samples::default());
    let dir = place.fresh("flood");
    let data = dir.path().join("data").display().to_string();
    let server = Process::start(&binary, &["--data", &data, "serve", "--listen", "127.0.0.1:0"]);
    let url = server.url();
    let address = url.trim_start_matches("http://").to_owned();
    let transport = HttpTransport::new(&url).map_err(|error| error.to_string())?;
    let client = Arc::new(Requests::new(Client::new(Arc::new(transport))));
    for round in 0..flood.rounds {
        progress(&format!("round {} of {}", round + 1, flood.rounds));
        let mut seen = [[0.0; 3]; 2];
        for turn in 0..2 {
            let flooded = (turn + round).is_multiple_of(2);
            let around = flooded.then(|| begin(&address, flood.connections));
            let run = drive(&client, SHAPE, times);
            if let Some(runtime) = around {
                runtime.shutdown_background();
            }
            let latency = |percent| percentile(&run.latencies, percent) as f64 / 1e3;
            let (name, place) = if flooded { ("flooded", &mut seen[1]) } else { ("alone", &mut seen[0]) };
            *place = [run.events_per_second, latency(50), latency(99)];
            figures.add(format!("{name}_events_per_second"), place[0]);
            figures.add(format!("{name}_p50_microseconds"), place[1]);
            figures.add(format!("{name}_p99_microseconds"), place[2]);
        }
        let [alone, flooded] = seen;
        for (nth, what) in ["events_per_second", "p50", "p99"].into_iter().enumerate() {
            ratios.add(format!("{what}_flooded_vs_alone"), flooded[nth] / alone[nth]);
        }
    }
    drop(server);
    let rounds = usize::try_from(flood.rounds).unwrap_or(usize::MAX);
    Ok(Report::of(&place, false, rounds, figures, ratios))
}

/// Opens all connections of the flood, and keeps them up until its runtime ends.
fn begin(address: &str, connections: u64) -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    for number in 0..connections {
        let address = address.to_owned();
        runtime.spawn(async move {
            loop {
                // A server that closes one gets the next.
                let _ = match number % 3 {
                    0 => silent(&address).await,
                    1 => slow(&address).await,
                    _ => deaf(&address).await,
                };
                sleep(BYTE_EVERY).await;
            }
        });
    }
    runtime
}

/// Sends nothing.
async fn silent(address: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.read(&mut [0; 1]).await.map(drop)
}

/// Sends a header that does not end.
async fn slow(address: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\nx-slow: ").await?;
    loop {
        stream.write_all(b"a").await?;
        sleep(BYTE_EVERY).await;
    }
}

/// Asks, and never reads.
async fn deaf(address: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    for _ in 0..UNREAD {
        stream.write_all(b"GET /v1/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    }
    loop {
        sleep(BYTE_EVERY).await;
        stream.write_all(b"\r\n").await?;
    }
}
