//! The consumer of the inbox, shared by all drainers: creating it, and comparing what the server created.

use std::time::Duration;

use async_nats::jetstream::consumer::{self, AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::ConsumerErrorKind;
use async_nats::jetstream::{self, ErrorCode};

use crate::setup::error::{Difference, SetupError, difference, refused};
use crate::topology::DRAIN;

/// How long a drainer may take for a message before the server redelivers it: longer than an append is tried.
pub const ACK_WAIT: Duration = Duration::from_secs(60);

/// The most messages that are with drainers at once, over all drainers.
pub const MAX_ACK_PENDING: i64 = 256;

/// The consumer that all drainers share.
fn config() -> pull::Config {
    pull::Config {
        durable_name: Some(DRAIN.to_owned()),
        description: Some("Tollgate: servers that append what is in the inbox.".to_owned()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_deliver: -1,
        max_ack_pending: MAX_ACK_PENDING,
        ..pull::Config::default()
    }
}

/// Creates the consumer unless it exists, then reads it back and compares.
pub(crate) async fn init(context: &jetstream::Context, stream: &str) -> Result<(), SetupError> {
    // Creating one that exists would change it.
    if found(context, stream).await?.is_none() {
        let made: Result<PullConsumer, _> = context.create_consumer_on_stream(config(), stream).await;
        made.map_err(|error| refused(stream, "making its consumer", &error))?;
    }
    let Some(made) = found(context, stream).await? else {
        return Err(SetupError::Missing { stream: stream.to_owned() });
    };
    let found = &made.cached_info().config;
    let mut differences = differences(found);
    differences.extend(difference("consumer ack_wait", &ACK_WAIT, &found.ack_wait));
    differences.extend(difference("consumer max_ack_pending", &MAX_ACK_PENDING, &found.max_ack_pending));
    if differences.is_empty() {
        return Ok(());
    }
    Err(SetupError::Differs { stream: stream.to_owned(), differences })
}

/// What must hold so that nothing is lost; the rest is the operator's choice.
pub(crate) fn differences(found: &consumer::Config) -> Vec<Difference> {
    let needed = config();
    let mut differences = Vec::new();
    differences.extend(difference("consumer ack_policy", &needed.ack_policy, &found.ack_policy));
    differences.extend(difference("consumer max_deliver", &needed.max_deliver, &found.max_deliver));
    differences.extend(difference("consumer filter_subject", &needed.filter_subject, &found.filter_subject));
    differences.extend(difference("consumer deliver_subject", &None::<String>, &found.deliver_subject));
    differences
}

/// The consumer, if it exists.
pub(crate) async fn found(
    context: &jetstream::Context,
    stream: &str,
) -> Result<Option<PullConsumer>, SetupError> {
    let asked = context.get_consumer_from_stream::<pull::Config, _, _>(DRAIN, stream).await;
    match asked {
        Ok(consumer) => Ok(Some(consumer)),
        Err(error) => {
            let missing = [ErrorCode::CONSUMER_NOT_FOUND, ErrorCode::STREAM_NOT_FOUND];
            if let ConsumerErrorKind::JetStream(error) = error.kind()
                && missing.contains(&error.error_code())
            {
                return Ok(None);
            }
            Err(refused(stream, "reading its consumer", &error))
        }
    }
}
