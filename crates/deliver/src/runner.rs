//! Delivers what an outbox holds: one task per endpoint, so that no endpoint waits for another.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tollgate_domain::event::DeliveryOutcome;
use tollgate_domain::time::Timestamp;

use crate::channel::Channel;
use crate::config::Endpoint;
use crate::outbox::{DeliveryAttempt, Limits, Outbox, OutboxError, QueuedMessage};
use crate::plan::{Course, Step};
use crate::schedule::{Answer, Next, next};
use tollgate_clock::Timer;

/// How long to wait after the outbox could not answer, in milliseconds.
const RETRY_AFTER_MS: i64 = 5000;

/// The most due messages fetched together: enough to be busy, few enough to notice what else arrived.
const DUE_AT_ONCE: usize = 20;

/// Delivers to all endpoints until it is told to stop; attempts under way are finished and recorded.
pub async fn deliver(
    endpoints: Vec<(Endpoint, Arc<dyn Channel>)>,
    outbox: Arc<dyn Outbox>,
    timer: Arc<dyn Timer>,
    stop: watch::Receiver<bool>,
) {
    let mut runners = JoinSet::new();
    for (endpoint, channel) in endpoints {
        let runner = Runner::new(endpoint, channel, outbox.clone(), timer.clone());
        runners.spawn(runner.run(stop.clone()));
    }
    while let Some(ended) = runners.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "deliveries to an endpoint ended before they should");
        }
    }
}

/// Delivers to one endpoint.
pub struct Runner {
    endpoint: Endpoint,
    channel: Arc<dyn Channel>,
    outbox: Arc<dyn Outbox>,
    timer: Arc<dyn Timer>,
    course: Course,
}

impl Runner {
    /// A runner that has sent nothing yet.
    #[must_use]
    pub fn new(
        endpoint: Endpoint,
        channel: Arc<dyn Channel>,
        outbox: Arc<dyn Outbox>,
        timer: Arc<dyn Timer>,
    ) -> Self {
        let course = Course::new(endpoint.digest);
        Self { endpoint, channel, outbox, timer, course }
    }

    /// Delivers until it is told to stop.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Err(error) = self.round(&mut stop).await {
                tracing::error!(endpoint = %self.endpoint.name, %error, "alerts are not delivered until this is mended");
                let again = self.timer.now().plus_millis(RETRY_AFTER_MS);
                tokio::select! {
                    () = self.timer.until(again) => (),
                    () = stopped(&mut stop) => (),
                }
            }
        }
    }

    async fn round(&mut self, stop: &mut watch::Receiver<bool>) -> Result<(), OutboxError> {
        let now = self.timer.now();
        let limits = Limits { now, due: DUE_AT_ONCE, fresh: self.course.fresh_needed() };
        let pending = self.outbox.pending(&self.endpoint, limits).await?;
        match self.course.step(&pending, now) {
            Step::Retry(messages) | Step::Tell(messages) => self.send(&messages, stop).await,
            Step::Group => self.outbox.group(&self.endpoint).await,
            Step::Wait(until) => {
                let time = async {
                    match until {
                        Some(until) => self.timer.until(until).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = time => (),
                    () = self.outbox.moved(pending.mark) => (),
                    () = stopped(stop) => (),
                }
                Ok(())
            }
        }
    }

    /// Attempts messages one after another, until one shows that the others should be left for later.
    async fn send(
        &mut self,
        messages: &[QueuedMessage],
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), OutboxError> {
        for waiting in messages {
            if *stop.borrow() {
                break;
            }
            let answer = self.channel.send(&waiting.message, self.timer.now()).await;
            let now = self.timer.now();
            let attempt = self.outcome(waiting, &answer, now);
            self.report(&attempt);
            self.record(&attempt, stop).await?;
            if attempt.outcome == DeliveryOutcome::Disabled {
                break;
            }
            if let (Answer::Throttled { .. }, Some(next_attempt_at)) = (&answer, attempt.next_attempt_at) {
                self.course.hold(next_attempt_at);
                break;
            }
        }
        Ok(())
    }

    fn outcome(&self, waiting: &QueuedMessage, answer: &Answer, now: Timestamp) -> DeliveryAttempt {
        let attempt = waiting.attempts.saturating_add(1);
        let (outcome, next_attempt_at) = match next(&waiting.message.id, attempt, answer, now) {
            Next::Done => (DeliveryOutcome::Delivered, None),
            Next::RetryAt(at) => (DeliveryOutcome::Failed, Some(at)),
            Next::GiveUp => (DeliveryOutcome::GaveUp, None),
            Next::Disable => (DeliveryOutcome::Disabled, None),
        };
        DeliveryAttempt {
            endpoint: self.endpoint.name.clone(),
            key: waiting.key.clone(),
            message: waiting.message.id.clone(),
            attempt,
            at: now,
            outcome,
            next_attempt_at,
            status: answer.status(),
            error: answer.error(),
        }
    }

    /// Records an attempt, retrying until it succeeds: a message that was sent but not recorded would be sent
    /// again.
    async fn record(
        &self,
        attempt: &DeliveryAttempt,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), OutboxError> {
        loop {
            let Err(error) = self.outbox.record(attempt).await else { return Ok(()) };
            if *stop.borrow() {
                return Err(error);
            }
            tracing::error!(endpoint = %attempt.endpoint, message = %attempt.message, %error, "an attempt is not recorded yet");
            let again = self.timer.now().plus_millis(RETRY_AFTER_MS);
            tokio::select! {
                () = self.timer.until(again) => (),
                () = stopped(stop) => (),
            }
        }
    }

    fn report(&self, attempt: &DeliveryAttempt) {
        let DeliveryAttempt { endpoint, message, attempt: nth, status, error, .. } = attempt;
        let error = error.as_deref().unwrap_or_default();
        match attempt.outcome {
            DeliveryOutcome::Delivered => {
                tracing::debug!(%endpoint, %message, nth, ?status, "alert delivered")
            }
            DeliveryOutcome::Failed => {
                let next_attempt_at = attempt.next_attempt_at.unwrap_or(attempt.at);
                tracing::warn!(%endpoint, %message, nth, ?status, error, %next_attempt_at, "alert not delivered yet");
            }
            DeliveryOutcome::GaveUp => {
                tracing::error!(%endpoint, %message, nth, ?status, error, "alert given up: resend it once the receiver answers");
            }
            DeliveryOutcome::Disabled => {
                tracing::error!(%endpoint, %message, "the receiver wants no more alerts: the endpoint is disabled until one is resent");
            }
            DeliveryOutcome::Skipped => tracing::debug!(%endpoint, %message, "alert not sent"),
        }
    }
}

/// Returns when the stop signal arrives, or when its sender is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
