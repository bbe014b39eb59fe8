//! A network between a client and a server that can be cut in the middle of a transfer, slowed down, or left
//! half open.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A proxy in front of a server.
pub struct Network {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    /// `None`: it leads nowhere yet.
    target: Mutex<Option<String>>,
    /// Whether new connections are refused.
    down: AtomicBool,
    /// How many bytes of an answer pass before its connection is cut; 0: all.
    cut_after: AtomicU64,
    /// By how many milliseconds each chunk is delayed.
    slow: AtomicU64,
    cuts: AtomicU64,
    delayed: AtomicU64,
    swallowed: AtomicU64,
    open: Mutex<Vec<Open>>,
}

/// One direction of a connection, and whether it now leads nowhere.
struct Open {
    stream: TcpStream,
    dead: Arc<AtomicBool>,
}

impl Network {
    /// In front of a server at an address.
    #[must_use]
    pub fn before(target: &str) -> Self {
        let network = Self::unconnected();
        network.lead_to(target);
        network
    }

    /// In front of a server that has yet to start: until it [leads](Self::lead_to) somewhere, connections are
    /// refused.
    #[must_use]
    pub fn unconnected() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            target: Mutex::default(),
            down: AtomicBool::new(false),
            cut_after: AtomicU64::new(0),
            slow: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
            delayed: AtomicU64::new(0),
            swallowed: AtomicU64::new(0),
            open: Mutex::default(),
        });
        let of_listener = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&of_listener);
                std::thread::spawn(move || shared.carry(client));
            }
        });
        Self { address, shared }
    }

    /// Sets where the server is.
    pub fn lead_to(&self, target: &str) {
        *self.shared.target.lock().unwrap_or_else(PoisonError::into_inner) = Some(target.to_owned());
    }

    /// Where clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address without a scheme.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Cuts the open connections, and refuses new ones, until it is [up](Self::up).
    pub fn down(&self) {
        self.shared.down.store(true, Ordering::SeqCst);
        for open in self.shared.open().drain(..) {
            self.shared.cuts.fetch_add(1, Ordering::SeqCst);
            // It does not matter if it has already ended.
            let _ = open.stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets everything through again.
    pub fn up(&self) {
        self.shared.down.store(false, Ordering::SeqCst);
    }

    /// Leaves the open connections half open: neither side is notified, and nothing passes in either
    /// direction any more, for good. New connections work. This is what happens when a machine in between
    /// forgets connections.
    pub fn forget(&self) {
        for open in self.shared.open().iter() {
            open.dead.store(true, Ordering::SeqCst);
        }
    }

    /// Cuts each connection after this many bytes of the server's answer: the request has been carried out,
    /// and its sender does not know. 0: never.
    pub fn cut_answers_after(&self, bytes: u64) {
        self.shared.cut_after.store(bytes, Ordering::SeqCst);
    }

    /// Delays every chunk by this much, in both directions.
    pub fn slow(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).expect("a short time");
        self.shared.slow.store(millis, Ordering::SeqCst);
    }

    /// How many connections were cut or refused.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.shared.cuts.load(Ordering::SeqCst)
    }

    /// How many chunks came late.
    #[must_use]
    pub fn delayed(&self) -> u64 {
        self.shared.delayed.load(Ordering::SeqCst)
    }

    /// How many chunks were sent over connections that lead nowhere.
    #[must_use]
    pub fn swallowed(&self) -> u64 {
        self.shared.swallowed.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn open(&self) -> std::sync::MutexGuard<'_, Vec<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry(&self, client: TcpStream) {
        if self.down.load(Ordering::SeqCst) {
            self.cuts.fetch_add(1, Ordering::SeqCst);
            return;
        }
        let target = self.target.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(Ok(server)) = target.map(TcpStream::connect) else { return };
        let (Ok(from_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) else { return };
        let dead = Arc::new(AtomicBool::new(false));
        for stream in [&client, &server] {
            let Ok(stream) = stream.try_clone() else { return };
            self.open().push(Open { stream, dead: Arc::clone(&dead) });
        }
        std::thread::scope(|scope| {
            scope.spawn(|| self.pass(from_client, to_server, &dead, |_| false));
            let mut passed = 0;
            self.pass(server, client, &dead, |bytes| {
                passed += bytes;
                let limit = self.cut_after.load(Ordering::SeqCst);
                let cut = limit > 0 && passed >= limit;
                self.cuts.fetch_add(u64::from(cut), Ordering::SeqCst);
                cut
            });
        });
        self.open().retain(|open| !Arc::ptr_eq(&open.dead, &dead));
    }

    /// Forwards what arrives until the connection ends or is to be cut; both directions end with it.
    fn pass(
        &self,
        mut from: TcpStream,
        mut to: TcpStream,
        dead: &AtomicBool,
        mut cut: impl FnMut(u64) -> bool,
    ) {
        // Nothing ever sends: this only lets time pass.
        let (_never, time) = channel::<()>();
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            let slow = self.slow.load(Ordering::SeqCst);
            if slow > 0 {
                assert_eq!(time.recv_timeout(Duration::from_millis(slow)), Err(RecvTimeoutError::Timeout));
                self.delayed.fetch_add(1, Ordering::SeqCst);
            }
            if dead.load(Ordering::SeqCst) {
                self.swallowed.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            if cut(count as u64) || to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        // The other side of a connection that leads nowhere is not notified that this one has ended.
        if !dead.load(Ordering::SeqCst) {
            for stream in [from, to] {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}
