//! Notifies waiters on a separate thread: waking a thread takes several microseconds, and a group has many.

use std::sync::mpsc;
use std::thread::JoinHandle;

use super::group::Waiter;
use crate::contract::AppendError;

/// Up to this many waiters are notified by the writer itself: a hand-over costs as much as a wake-up.
const FEW: usize = 2;

/// The results of a group.
pub(super) struct Answers {
    /// Waiters whose records are durable.
    pub(super) served: Vec<Waiter>,
    /// Waiters whose records were rolled back, and why.
    pub(super) refused: Option<(Vec<Waiter>, AppendError)>,
}

/// The thread that notifies waiters.
pub(super) struct Teller {
    answers: Option<mpsc::Sender<Answers>>,
    thread: Option<JoinHandle<()>>,
}

impl Teller {
    pub(super) fn start() -> Self {
        let (sender, receiver) = mpsc::channel::<Answers>();
        let work = move || receiver.into_iter().for_each(tell);
        match std::thread::Builder::new().name("tollgate-answers".to_owned()).spawn(work) {
            Ok(thread) => Self { answers: Some(sender), thread: Some(thread) },
            Err(error) => {
                tracing::warn!(%error, "could not start a thread that answers appends, the writer does it itself");
                Self { answers: None, thread: None }
            }
        }
    }

    pub(super) fn tell(&self, answers: Answers) {
        let few = answers.served.len() <= FEW && answers.refused.is_none();
        match &self.answers {
            Some(sender) if !few => {
                if let Err(mpsc::SendError(answers)) = sender.send(answers) {
                    tell(answers);
                }
            }
            Some(_) | None => tell(answers),
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.answers = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that answers appends panicked");
        }
    }
}

fn tell(answers: Answers) {
    for waiter in answers.served {
        // A waiter that has given up is skipped.
        let _ = waiter.send(Ok(()));
    }
    if let Some((waiters, error)) = answers.refused {
        for waiter in waiters {
            let _ = waiter.send(Err(error.clone()));
        }
    }
}
