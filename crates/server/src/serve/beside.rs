//! Another door of the same process, at an address of its own, over the API.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

/// What is served beside the API. Its connections count with those of the API, and keep to the same limits.
#[derive(Clone)]
pub struct Beside {
    pub(super) listen: SocketAddr,
    pub(super) flag: &'static str,
    pub(super) needs_keys: bool,
    open: Arc<dyn Fn(Inside) -> BoxFuture<'static, Outside> + Send + Sync>,
}

/// What such a door has to answer with.
pub struct Inside {
    /// The API as any client has it: once the ledger has a key, it asks for one.
    pub api: Router,
    /// The API without keys, for what the door does on its own account. Nothing that a client asks for may reach it.
    pub own: Router,
    /// Where clients find the door.
    pub url: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Becomes true when the server stops.
    pub stopped: watch::Receiver<bool>,
}

/// A door that is open.
pub struct Outside {
    /// What it answers.
    pub router: Router,
    /// What it does besides; ends once the server stops.
    pub alongside: BoxFuture<'static, ()>,
}

impl Beside {
    /// A door at an address; port 0: any free one. `flag` is how it was asked for, for messages.
    pub fn new<F>(
        listen: SocketAddr,
        flag: &'static str,
        open: impl Fn(Inside) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Outside> + Send + 'static,
    {
        Self { listen, flag, needs_keys: false, open: Arc::new(move |inside| Box::pin(open(inside))) }
    }

    /// Opened only if the ledger has a key.
    #[must_use]
    pub fn with_keys_only(self) -> Self {
        Self { needs_keys: true, ..self }
    }

    pub(super) async fn open(&self, inside: Inside) -> Outside {
        (self.open)(inside).await
    }
}
