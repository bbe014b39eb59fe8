//! Another ledger gets the address: it receives nothing, and the tracker's user learns why. Time is paused,
//! so no test really waits.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use tollgate_client::{
    BoxFuture, DecidedBy, Delivery, Ended, FlushError, SpoolOptions, StartError, Tracker, TrackerBuilder,
    Transport, TransportError,
};

use crate::support::ledger::{Ledger, Mood};
use crate::tracker::report;

const OWN: &str = "0a";
const OTHER: &str = "0b";

/// An address, and the ledger that answers at it.
struct Address(Mutex<Arc<Ledger>>);

impl Address {
    fn of(ledger: &Arc<Ledger>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Arc::clone(ledger))))
    }

    fn goes_to(&self, ledger: &Arc<Ledger>) {
        *self.0.lock().unwrap() = Arc::clone(ledger);
    }
}

impl Transport for Address {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let ledger = Arc::clone(&self.0.lock().unwrap());
        Box::pin(async move { ledger.send(request).await })
    }
}

fn ledger(epoch: &'static str) -> Arc<Ledger> {
    let ledger = Ledger::new();
    ledger.state().epoch = Some(epoch);
    ledger
}

fn spooling(address: &Arc<Address>, dir: &Path) -> Tracker {
    TrackerBuilder::over(Arc::clone(address) as _, "p").spool(SpoolOptions::new(dir)).start().unwrap()
}

#[tokio::test(start_paused = true)]
async fn it_gets_nothing_and_the_own_one_gets_all_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    for spooled in [false, true] {
        let (own, other) = (ledger(OWN), ledger(OTHER));
        let address = Address::of(&own);
        let tracker = if spooled {
            spooling(&address, dir.path())
        } else {
            TrackerBuilder::over(Arc::clone(&address) as _, "p").start().unwrap()
        };
        report(&tracker, "a");
        tracker.flush().await.unwrap();

        address.goes_to(&other);
        report(&tracker, "b");
        let Err(FlushError::Away { reason, .. }) = tracker.flush().await else { panic!("{spooled}") };
        assert!(reason.contains("421 other_ledger"), "{spooled}: {reason}");
        assert_eq!(tracker.start_phase("T", "SPEC").unwrap().await, Ok(Delivery::Kept));
        let answer = tracker.gate("T", "PLAN").await.unwrap();
        assert!(matches!(answer.decided_by, DecidedBy::Policy { .. }), "{spooled}: {answer:?}");
        {
            let state = other.state();
            assert!(state.log.is_empty() && state.requests.is_empty() && state.gates.is_empty(), "{spooled}");
        }

        address.goes_to(&own);
        tracker.flush().await.unwrap();
        assert_eq!((own.state().log.len(), tracker.stats().refused), (3, 0), "{spooled}");
        // Nothing is waiting: the gate request alone is not for another ledger either.
        address.goes_to(&other);
        let answer = tracker.gate("T", "PLAN").await.unwrap();
        assert!(
            matches!(&answer.decided_by, DecidedBy::Policy { reason } if reason.contains("so it is")),
            "{spooled}: {answer:?}"
        );
        assert!(other.state().gates.is_empty());
        tracker.close().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_spooled_is_for_the_ledger_that_answered_before() {
    let dir = tempfile::tempdir().unwrap();
    let (own, other) = (ledger(OWN), ledger(OTHER));
    let address = Address::of(&own);
    let tracker = spooling(&address, dir.path());
    report(&tracker, "a");
    tracker.flush().await.unwrap();
    own.becomes(Mood::Down);
    report(&tracker, "b");
    assert!(matches!(tracker.close().await, Ok(Ended::Kept { .. })));

    // The next process encounters a different ledger.
    address.goes_to(&other);
    let tracker = spooling(&address, dir.path());
    report(&tracker, "c");
    let Err(FlushError::Away { reason, .. }) = tracker.flush().await else {
        panic!("another ledger takes it")
    };
    assert!(reason.contains("other_ledger"), "{reason}");
    assert!(matches!(tracker.close().await, Ok(Ended::Kept { .. })));
    assert!(other.state().log.is_empty());

    own.becomes(Mood::Up);
    address.goes_to(&own);
    let tracker = spooling(&address, dir.path());
    assert!(matches!(tracker.close().await, Ok(Ended::Delivered { .. })));
    assert_eq!(own.ids(), "a b c");

    // Nothing is left that is for the first one.
    address.goes_to(&other);
    let tracker = spooling(&address, dir.path());
    report(&tracker, "d");
    assert!(matches!(tracker.close().await, Ok(Ended::Delivered { .. })));
    assert_eq!((own.ids().as_str(), other.ids().as_str()), ("a b c", "d"));
}

#[tokio::test(start_paused = true)]
async fn events_of_a_ledger_that_is_given_up_are_delivered_when_its_name_is_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let (own, other) = (ledger(OWN), ledger(OTHER));
    let address = Address::of(&own);
    own.becomes(Mood::Says(503));
    let tracker = spooling(&address, dir.path());
    report(&tracker, "a");
    assert!(matches!(tracker.close().await, Ok(Ended::Kept { .. })));
    let named = dir.path().join("ledger");
    assert_eq!(fs::read_to_string(&named).unwrap(), OWN);
    fs::write(&named, "what?").unwrap();
    let over = TrackerBuilder::over(Arc::clone(&address) as _, "p").spool(SpoolOptions::new(dir.path()));
    let error = over.start().unwrap_err();
    assert!(matches!(error, StartError::Spool(_)), "{error}");
    assert!(error.to_string().contains(named.to_str().unwrap()), "{error}");

    fs::remove_file(&named).unwrap();
    address.goes_to(&other);
    let tracker = spooling(&address, dir.path());
    assert!(matches!(tracker.close().await, Ok(Ended::Delivered { .. })));
    assert_eq!((own.ids().as_str(), other.ids().as_str()), ("", "a"));
}
