//! What the service manager that started a process is told: systemd with `Type=notify`, and others that speak its
//! protocol. Without one, nothing happens.

use sd_notify::NotifyState;

use crate::output::{line, note};

/// It is ready: its address answers, or its view is served. People are told in this sentence.
pub(crate) fn ready(said: &str) {
    line(said);
    tell(NotifyState::Ready);
}

/// It was told to stop and finishes what runs.
pub(crate) fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    // The variable stays: reading it again costs nothing, and removing it would need that no other thread runs.
    if let Err(error) = sd_notify::notify(&[state]) {
        note(&format!("! the service manager was not told: {error}"));
    }
}
