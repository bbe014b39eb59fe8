//! Creating the stream of a ledger, and comparing what the server created, field by field: old servers
//! silently drop what they do not know.

pub(crate) mod error;

pub use error::{Difference, SetupError};

use std::fmt;
use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, ErrorCode};
use tollgate_log::contract::MAX_RECORD_BYTES;

use crate::drain;
use crate::error::ConnectError;
use crate::identity::check_first;
use crate::options::Options;
use crate::topology::{self, DECISION_SUBJECTS, FACT_SUBJECTS, INBOX_SUBJECTS};
use crate::version::Version;

use error::{difference, refused};

/// Room in a message for its headers in addition to its record, in bytes.
const HEADER_ROOM: usize = 4 * 1024;

/// The window in which the server accepts a batch id only once: its default. A longer one costs it memory for
/// each id.
pub const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// The stream that a ledger needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Its name.
    pub stream: String,
    /// The most bytes it may take on disk; beyond that it refuses appends. Keep it below 80 % of the disk: a
    /// server of version 2.9 hangs on a full one.
    pub max_bytes: u64,
    /// The number of servers that hold a copy: 1, 3 or 5.
    pub replicas: usize,
}

impl Setup {
    /// The stream's configuration.
    #[must_use]
    pub fn config(&self) -> Config {
        Config {
            name: self.stream.clone(),
            description: Some("Tollgate: the ledger. Written by Tollgate alone.".to_owned()),
            subjects: vec![FACT_SUBJECTS.to_owned(), DECISION_SUBJECTS.to_owned()],
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::New,
            max_bytes: i64::try_from(self.max_bytes).unwrap_or(i64::MAX),
            max_messages: -1,
            max_messages_per_subject: -1,
            max_consumers: -1,
            max_message_size: (MAX_RECORD_BYTES + HEADER_ROOM) as i32,
            storage: StorageType::File,
            num_replicas: self.replicas,
            duplicate_window: DUPLICATE_WINDOW,
            deny_delete: true,
            deny_purge: true,
            allow_direct: true,
            ..Config::default()
        }
    }

    /// Like [`Self::init`], on the server of these options. Returns whether the stream was created.
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    pub async fn init_at(&self, options: &Options) -> Result<bool, ConnectError> {
        let (client, _) = options.client().await?;
        Version::of(&client).check_replicas(self.replicas)?;
        let context =
            jetstream::context::ContextBuilder::new().timeout(options.request_timeout).build(client);
        let before = context.get_stream(&self.stream).await.is_ok();
        self.init(&context).await?;
        Ok(!before)
    }

    /// Creates the ledger's stream and its inbox with the consumer that drains it, unless they exist, then
    /// reads them back and compares. Returns what the server reports about the ledger's stream.
    ///
    /// # Errors
    ///
    /// [`SetupError`]; anything that exists is never changed.
    pub async fn init(&self, context: &jetstream::Context) -> Result<Info, SetupError> {
        let ledger = make(context, &self.config()).await?;
        make(context, &self.inbox_config()).await?;
        drain::init(context, &topology::inbox(&self.stream)).await?;
        Ok(ledger)
    }

    /// The configuration of the inbox: an eighth of the ledger's bytes, from 1 MiB to 1 GiB. Drained messages
    /// are removed.
    #[must_use]
    pub fn inbox_config(&self) -> Config {
        Config {
            name: topology::inbox(&self.stream),
            description: Some("Tollgate: the inbox of producers that can only publish.".to_owned()),
            subjects: vec![INBOX_SUBJECTS.to_owned()],
            retention: RetentionPolicy::WorkQueue,
            max_bytes: i64::try_from(self.max_bytes / 8).unwrap_or(i64::MAX).clamp(1 << 20, 1 << 30),
            deny_delete: false,
            deny_purge: false,
            allow_direct: false,
            ..self.config()
        }
    }

    /// The fields in which a configuration of the ledger's stream differs.
    #[must_use]
    pub fn differences(&self, found: &Config) -> Vec<Difference> {
        all_differences(&self.config(), found)
    }
}

/// Creates a stream unless it exists, then reads it back and compares.
async fn make(context: &jetstream::Context, needed: &Config) -> Result<Info, SetupError> {
    let info = match read(context, &needed.name).await {
        // A request to create an existing stream makes the server count that stream's room a second time.
        Err(SetupError::Missing { .. }) => {
            match context.create_stream(needed.clone()).await {
                Ok(_) => {}
                // Another process was quicker; the comparison shows whether the stream is the same.
                Err(error) if is(&error, ErrorCode::STREAM_NAME_EXIST) => {}
                Err(error) if is(&error, ErrorCode::STORAGE_RESOURCES_EXCEEDED) => {
                    let max_bytes = u64::try_from(needed.max_bytes).unwrap_or_default();
                    return Err(SetupError::NoRoom { stream: needed.name.clone(), max_bytes });
                }
                Err(error) => return Err(refused(&needed.name, "making it", &error)),
            }
            read(context, &needed.name).await?
        }
        read => read?,
    };
    let differences = all_differences(needed, &info.config);
    if !differences.is_empty() {
        return Err(SetupError::Differs { stream: needed.name.clone(), differences });
    }
    Ok(info)
}

fn all_differences(needed: &Config, found: &Config) -> Vec<Difference> {
    let mut differences = invariant_differences(needed, found);
    let mut field = |field, needed: &dyn fmt::Debug, found: &dyn fmt::Debug| {
        differences.extend(difference(field, needed, found));
    };
    field("max_bytes", &needed.max_bytes, &found.max_bytes);
    field("num_replicas", &needed.num_replicas, &found.num_replicas);
    differences
}

/// Reads the existing stream of a ledger, and compares everything that is not the operator's choice.
///
/// # Errors
///
/// [`SetupError`].
pub async fn verify(context: &jetstream::Context, stream: &str) -> Result<Info, SetupError> {
    let info = read(context, stream).await?;
    let needed = Setup { stream: stream.to_owned(), max_bytes: 0, replicas: 1 }.config();
    let mut differences = invariant_differences(&needed, &info.config);
    if info.config.max_bytes <= 0 {
        differences.push(Difference {
            field: "max_bytes",
            needed: "a limit".to_owned(),
            found: "none".to_owned(),
        });
    }
    if differences.is_empty() {
        check_first(&info)
            .map_err(|regression| SetupError::Incomplete { stream: stream.to_owned(), regression })?;
        return Ok(info);
    }
    Err(SetupError::Differs { stream: stream.to_owned(), differences })
}

async fn read(context: &jetstream::Context, stream: &str) -> Result<Info, SetupError> {
    match context.get_stream(stream).await {
        Ok(found) => Ok(found.cached_info().clone()),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                Err(SetupError::Missing { stream: stream.to_owned() })
            }
            GetStreamErrorKind::EmptyName
            | GetStreamErrorKind::Request
            | GetStreamErrorKind::InvalidStreamName
            | GetStreamErrorKind::JetStream(_) => Err(refused(stream, "reading its configuration", &error)),
        },
    }
}

fn is(error: &jetstream::context::CreateStreamError, code: ErrorCode) -> bool {
    matches!(error.kind(), CreateStreamErrorKind::JetStream(error) if error.error_code() == code)
}

/// What must hold on every server; the operator's choices are left out.
fn invariant_differences(needed: &Config, found: &Config) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut field = |field, needed: &dyn fmt::Debug, found: &dyn fmt::Debug| {
        differences.extend(difference(field, needed, found));
    };
    field("subjects", &needed.subjects, &found.subjects);
    field("retention", &needed.retention, &found.retention);
    field("discard", &needed.discard, &found.discard);
    field("discard_new_per_subject", &needed.discard_new_per_subject, &found.discard_new_per_subject);
    field("max_msgs", &needed.max_messages, &found.max_messages);
    field("max_msgs_per_subject", &needed.max_messages_per_subject, &found.max_messages_per_subject);
    field("max_age", &needed.max_age, &found.max_age);
    field("max_msg_size", &needed.max_message_size, &found.max_message_size);
    field("storage", &needed.storage, &found.storage);
    field("no_ack", &needed.no_ack, &found.no_ack);
    field("duplicate_window", &needed.duplicate_window, &found.duplicate_window);
    field("sealed", &needed.sealed, &found.sealed);
    field("allow_rollup_hdrs", &needed.allow_rollup, &found.allow_rollup);
    field("deny_delete", &needed.deny_delete, &found.deny_delete);
    field("deny_purge", &needed.deny_purge, &found.deny_purge);
    field("allow_direct", &needed.allow_direct, &found.allow_direct);
    field("mirror", &needed.mirror, &found.mirror);
    field("sources", &needed.sources, &found.sources);
    differences
}
