//! The hops of a transition without a ledger: a request to a server, what it writes or publishes, a query to
//! another process, what the server writes or publishes after that, its answer. Nothing is decoded, decided,
//! folded or kept: this is what the machine itself takes at that moment.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_nats::jetstream;
use async_nats::jetstream::stream::{Config, StorageType};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tollgate_clock::Stopwatch;

use crate::driver::nanoseconds;
use crate::output;

/// Sizes in bytes of the messages over TCP and between the processes, and of what is stored for each: about
/// those of the ledger.
const ASKED: usize = 1200;
const ANSWERED: usize = 900;
const QUESTION: usize = 300;
const FIRST_STORED: usize = 800;
const SECOND_STORED: usize = 700;

/// Size of the file that is rewritten over and over.
const FILE_BYTES: usize = 1 << 20;

const STORED: &str = "plain.stored";
const VIEW: &str = "plain.view";

/// What the processes of the hops are told.
#[derive(Debug, clap::Args)]
pub(crate) struct Hops {
    /// Publish to a stream of this server
    #[arg(long, value_name = "URL")]
    nats: Option<String>,
    /// Write and sync this file
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
}

/// A connection to the server of the hops.
pub(crate) struct Plain {
    stream: Mutex<TcpStream>,
}

impl Plain {
    pub(crate) async fn to(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server of the hops");
        stream.set_nodelay(true).expect("a socket");
        Self { stream: Mutex::new(stream) }
    }

    /// All hops, once; returns how long they took, in nanoseconds.
    pub(crate) async fn once(&self) -> u64 {
        let mut stream = self.stream.lock().await;
        let took = Stopwatch::start();
        stream.write_all(&[0x5a; ASKED]).await.expect("a request");
        stream.read_exact(&mut [0; ANSWERED]).await.expect("its answer");
        nanoseconds(took.elapsed())
    }
}

/// The server of the hops, in a separate process, with the same kind of runtime as the ledger. Its first line
/// says where it listens.
pub(crate) fn serve(hops: &Hops) -> Result<(), String> {
    runtime()?.block_on(async {
        let storage = Arc::new(Storage::open(hops).await);
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        output::print(&address.to_string());
        loop {
            let (mut stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            let storage = Arc::clone(&storage);
            tokio::spawn(async move {
                let mut asked = [0; ASKED];
                while stream.read_exact(&mut asked).await.is_ok() {
                    storage.hops().await;
                    stream.write_all(&[0xa5; ANSWERED]).await.expect("the asker is there");
                }
            });
        }
    })
}

/// The other process that is queried. Its first line says that it is ready.
pub(crate) fn view(hops: &Hops) -> Result<(), String> {
    let url = hops.nats.as_deref().ok_or("--nats: is needed")?;
    runtime()?.block_on(async {
        let client = async_nats::connect(url).await.map_err(|error| error.to_string())?;
        let mut questions = client.subscribe(VIEW).await.map_err(|error| error.to_string())?;
        client.flush().await.map_err(|error| error.to_string())?;
        output::print("answers");
        while let Some(asked) = questions.next().await {
            if let Some(reply) = asked.reply {
                client
                    .publish(reply, vec![0xa5; ANSWERED].into())
                    .await
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    })
}

fn runtime() -> Result<Runtime, String> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|error| format!("starting the runtime: {error}"))
}

/// Where the server of the hops stores.
enum Storage {
    /// Nowhere: only the request and its answer are measured.
    Nothing,
    Nats {
        client: async_nats::Client,
        stream: Box<jetstream::Context>,
    },
    File(Arc<File>),
}

impl Storage {
    async fn open(hops: &Hops) -> Self {
        let Some(url) = &hops.nats else {
            return hops.file.as_deref().map_or(Self::Nothing, |file| Self::File(Arc::new(prepared(file))));
        };
        let client = async_nats::connect(url).await.expect("a connection");
        let stream = Box::new(jetstream::new(client.clone()));
        let config = Config {
            name: "PLAIN".to_owned(),
            subjects: vec![STORED.to_owned()],
            storage: StorageType::File,
            ..Config::default()
        };
        stream.create_stream(config).await.expect("a stream");
        Self::Nats { client, stream }
    }

    async fn hops(&self) {
        match self {
            Self::Nothing => {}
            // The query is sent while the first message is being stored, as the ledger's is.
            Self::Nats { client, stream } => {
                let ask =
                    async { client.request(VIEW, vec![0x5a; QUESTION].into()).await.expect("an answer") };
                tokio::join!(publish(stream, FIRST_STORED), ask);
                publish(stream, SECOND_STORED).await;
            }
            Self::File(file) => {
                for bytes in [FIRST_STORED, SECOND_STORED] {
                    let file = Arc::clone(file);
                    let write = move || {
                        file.write_all_at(&vec![0x5a; bytes], 0).expect("a write");
                        file.sync_data().expect("a sync");
                    };
                    tokio::task::spawn_blocking(write).await.expect("it does not panic");
                }
            }
        }
    }
}

async fn publish(stream: &jetstream::Context, bytes: usize) {
    let sent = stream.publish(STORED, vec![0x5a; bytes].into()).await.expect("a message");
    sent.await.expect("an acknowledgement");
}

/// A file whose blocks are already allocated and written, like the log's segments.
fn prepared(path: &Path) -> File {
    let file = File::create_new(path).expect("a new file");
    file.write_all_at(&vec![0; FILE_BYTES], 0).expect("a write");
    file.sync_all().expect("a sync");
    file
}
