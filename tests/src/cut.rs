//! A network between a client and a server that can be cut, in the middle of what passes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A proxy before a server.
pub struct Network {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: String,
    /// Whether new connections are refused.
    down: AtomicBool,
    /// Bytes of an answer that pass before its connection is cut; 0: all.
    cut_after: AtomicU64,
    cuts: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Network {
    /// Before a server at an address.
    #[must_use]
    pub fn before(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            target: target.to_owned(),
            down: AtomicBool::new(false),
            cut_after: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
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

    /// Where clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts what is open, and refuses what comes, until it is [up](Self::up).
    pub fn down(&self) {
        self.shared.down.store(true, Ordering::SeqCst);
        for stream in self.shared.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // One that has ended already is as good.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets everything pass again.
    pub fn up(&self) {
        self.shared.down.store(false, Ordering::SeqCst);
    }

    /// Cuts each connection after so many bytes of the server's answer: the request has been carried out, and its sender does
    /// not know. 0: none.
    pub fn cut_answers_after(&self, bytes: u64) {
        self.shared.cut_after.store(bytes, Ordering::SeqCst);
    }

    /// How many connections were cut or refused.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.shared.cuts.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn carry(&self, client: TcpStream) {
        if self.down.load(Ordering::SeqCst) {
            self.cuts.fetch_add(1, Ordering::SeqCst);
            return;
        }
        let Ok(server) = TcpStream::connect(&self.target) else { return };
        let (Ok(from_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) else { return };
        for stream in [&client, &server] {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.extend(stream.try_clone());
        }
        let up = std::thread::spawn(move || pass(from_client, to_server, |_| false));
        let mut passed = 0;
        pass(server, client, |bytes| {
            passed += bytes;
            let limit = self.cut_after.load(Ordering::SeqCst);
            let cut = limit > 0 && passed >= limit;
            self.cuts.fetch_add(u64::from(cut), Ordering::SeqCst);
            cut
        });
        // It ends with the connection.
        let _ = up.join();
    }
}

/// Passes on what comes until an end, or until it is to be cut; both directions end with it.
fn pass(mut from: TcpStream, mut to: TcpStream, mut cut: impl FnMut(u64) -> bool) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if cut(count as u64) || to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    for stream in [from, to] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}
