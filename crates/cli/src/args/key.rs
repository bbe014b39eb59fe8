//! Keys of the API.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use clap::{Args, Subcommand};

/// The key that is sent. It is never written with `Debug`.
#[derive(Clone)]
pub(crate) struct ApiKey(String);

impl ApiKey {
    /// The text, to be sent.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// Whatever it is: a rule here would have `clap` show the text with what is wrong.
impl FromStr for ApiKey {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.trim().to_owned()))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key. Its secret goes to stdout, and is shown this once. From the first key on, servers answer only
    /// requests with a key
    Create(KeyCreateArgs),
    /// List all keys, without their secrets
    List,
    /// Give a key another secret, shown this once. The one before it is accepted for a while
    Rotate(KeyRotateArgs),
    /// Revoke a key for good: no server lets it in again
    Revoke(KeyRevokeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct KeyCreateArgs {
    /// Its name, which is recorded as who reads reports with it: 1 to 64 of A-Z a-z 0-9 - _ . @
    pub(crate) name: String,
    /// What it may do: append, decide, read, read_reports, operate, admin. The first key needs admin, which allows
    /// everything
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',')]
    pub(crate) scopes: Vec<String>,
    /// Only data of this tenant
    #[arg(long = "for-tenant", value_name = "NAME", value_delimiter = ',')]
    pub(crate) tenants: Vec<String>,
    /// Only as this producer
    #[arg(long = "for-producer", value_name = "NAME")]
    pub(crate) producers: Vec<String>,
    /// Only for this component
    #[arg(long = "for-component", value_name = "NAME")]
    pub(crate) components: Vec<String>,
    /// Refuse it from this time on, such as 2027-01-31 (default: never)
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<String>,
    /// Requests per second that each server takes from it (default: any number)
    #[arg(long, value_name = "COUNT")]
    pub(crate) rate: Option<u32>,
    /// How many at once after a pause (default: those of one second)
    #[arg(long, value_name = "COUNT", requires = "rate")]
    pub(crate) burst: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct KeyRotateArgs {
    /// The key's name
    pub(crate) name: String,
    /// For how long the secret before it is still accepted: 30m, 12h, 7d; 0s: not at all
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = super::allocations::seconds)]
    pub(crate) overlap: u64,
}

#[derive(Debug, Args)]
pub(crate) struct KeyRevokeArgs {
    /// The key's name
    pub(crate) name: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}
