//! Changes of alerts, read once and passed on to every client that follows them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, broadcast};
use tollgate_domain::position::Position;
use tollgate_wire::api::{AlertChangeView, AlertChanges};

use crate::ledger::Ledger;
use crate::problem::{Answer, INTERNAL};

/// How long the feed waits for a change before it checks whether the ledger is closing.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// How many pages a client may be behind before it is dropped and has to reconnect.
const PAGES: usize = 64;

/// How many clients may catch up at once; the others wait for them.
const CATCHING_UP: usize = 4;

/// What all clients of the stream share.
pub(crate) struct Feed {
    live: Arc<Mutex<Option<Live>>>,
    catching_up: Semaphore,
}

/// The feed while at least one client follows it.
struct Live {
    /// The last record that was sent, or up to which there was nothing to send.
    last: u64,
    pages: broadcast::Sender<Page>,
}

/// Changes in the order of the log.
pub(crate) type Page = Arc<[Change]>;

/// A change as it is sent.
pub(crate) struct Change {
    pub(crate) sequence: u64,
    /// The word.
    pub(crate) kind: String,
    pub(crate) json: String,
}

/// What a client that is not up to date reads.
pub(crate) enum Missed {
    /// The next changes.
    Page(Page),
    /// There are none: the client gets new ones as they come.
    None(broadcast::Receiver<Page>),
}

impl Default for Feed {
    fn default() -> Self {
        Self { live: Arc::default(), catching_up: Semaphore::new(CATCHING_UP) }
    }
}

impl Feed {
    /// What a client that has all changes up to a record has missed.
    pub(crate) async fn missed(&self, ledger: &Arc<Ledger>, after: u64) -> Answer<Missed> {
        let _turn = self.catching_up.acquire().await;
        loop {
            let read = ledger.ask().alert_changes(after, Duration::ZERO).await?;
            let page = page(&read)?;
            if !page.is_empty() {
                return Ok(Missed::Page(page));
            }
            let as_of: Position = read.as_of.parse().map_err(|_| {
                INTERNAL.with(format!(
                    "the view of alerts answered as of `{}`, which is not a valid position",
                    read.as_of
                ))
            })?;
            if let Some(pages) = self.join(ledger, as_of.highest().0) {
                return Ok(Missed::None(pages));
            }
        }
    }

    /// What comes after a record up to which a client has all changes. `None`: the feed has already sent
    /// later ones.
    fn join(&self, ledger: &Arc<Ledger>, seen: u64) -> Option<broadcast::Receiver<Page>> {
        let mut live = lock(&self.live);
        if let Some(live) = &*live {
            return (live.last <= seen).then(|| live.pages.subscribe());
        }
        let (pages, first) = broadcast::channel(PAGES);
        *live = Some(Live { last: seen, pages: pages.clone() });
        tokio::spawn(run(Arc::clone(ledger), Arc::clone(&self.live), pages, seen));
        Some(first)
    }
}

/// Reads changes for all clients until no client is left, or the ledger closes or cannot answer.
async fn run(
    ledger: Arc<Ledger>,
    live: Arc<Mutex<Option<Live>>>,
    pages: broadcast::Sender<Page>,
    mut last: u64,
) {
    loop {
        let read = tokio::select! {
            read = ledger.ask().alert_changes(last, LOOK_EVERY) => Some(read),
            () = pages.closed() => None,
        };
        let mut live = lock(&live);
        let next = match read {
            // A client may have joined since.
            None if pages.receiver_count() > 0 => continue,
            None => None,
            Some(read) => read.ok().filter(|_| !ledger.ask().is_closing()),
        };
        let read = next.and_then(|read| Some((page(&read).ok()?, read.last)));
        let (Some((page, read_up_to)), Some(live)) = (read, &mut *live) else {
            // Any clients that are left reconnect.
            *live = None;
            return;
        };
        if !page.is_empty() {
            (last, live.last) = (read_up_to, read_up_to);
            // There may be no client just now.
            let _ = pages.send(page);
        }
    }
}

fn page(read: &AlertChanges) -> Answer<Page> {
    let change = |change: &AlertChangeView| {
        let json = serde_json::to_string(change).map_err(|error| INTERNAL.with(error.to_string()))?;
        Ok(Change { sequence: change.sequence, kind: change.change.to_string(), json })
    };
    read.changes.iter().map(change).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is a single assignment: a panic leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
