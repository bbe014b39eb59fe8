//! Where the keys of an issuer are read: a file, or an address.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tollgate_outbound::client::Connections;
use tollgate_outbound::{Client, SystemResolver, Timeouts};

use super::config::Jwks;

/// The largest set of keys, in bytes.
const MAX_BYTES: usize = 256 << 10;

/// How long the issuer may take: a request with a token that names a new key waits for it.
const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(3), total: Duration::from_secs(8) };

/// How often a file is looked at, and an address asked.
const FILE_EVERY: Duration = Duration::from_secs(10);
const ADDRESS_EVERY: Duration = Duration::from_secs(60 * 60);

/// Where keys are read.
pub(super) enum Source {
    /// A file.
    File(PathBuf),
    /// An address; its text, without path and query.
    Address(Box<Client>, String),
}

impl Source {
    /// # Errors
    ///
    /// There is no certificate authority to trust.
    pub(super) fn open(jwks: &Jwks) -> Result<Self, String> {
        match jwks {
            Jwks::File(path) => Ok(Self::File(path.clone())),
            Jwks::Address { target, trust } => {
                let client = Client::new(
                    (**target).clone(),
                    trust,
                    Arc::new(SystemResolver),
                    TIMEOUTS,
                    Connections::OneEach,
                );
                Ok(Self::Address(Box::new(client.map_err(|error| error.to_string())?), target.to_string()))
            }
        }
    }

    pub(super) const fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// How long keys that were read are taken for what they are.
    pub(super) const fn every(&self) -> Duration {
        match self {
            Self::File(_) => FILE_EVERY,
            Self::Address(..) => ADDRESS_EVERY,
        }
    }

    /// Reads them.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(super) async fn read(&self) -> Result<String, String> {
        match self {
            Self::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || tollgate_files::read_settings(&path)).await;
                read.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
            }
            Self::Address(client, _) => {
                let accept = [("accept", "application/jwk-set+json, application/json")];
                let answer = client.get(accept, MAX_BYTES).await.map_err(|error| error.to_string())?;
                let status = answer.status().as_u16();
                if status != 200 {
                    return Err(format!("it answered {status}, not 200"));
                }
                String::from_utf8(answer.into_body().into())
                    .map_err(|_| "its answer is not text in UTF-8".to_owned())
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Address(_, target) => write!(f, "at {target}"),
        }
    }
}
