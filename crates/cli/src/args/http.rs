//! What clients may ask of a server by being connected.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};
use tollgate_server::Remote;
use tollgate_server::edge::{ConnectionLimits, TlsFiles};
use tollgate_server::http::{Network, Proxies};

#[derive(Debug, Args)]
#[command(next_help_heading = "Connections")]
pub(crate) struct HttpArgs {
    /// Maximum number of open connections; lower if the limit of open files is low, because a quarter of the
    /// descriptors is reserved for the log. Above it, the connection that has kept the server waiting longest
    /// is closed; if there is none, the new one gets a 503
    #[arg(long, env = "TOLLGATE_MAX_CONNECTIONS", value_name = "COUNT", default_value_t = 1024,
        value_parser = clap::value_parser!(u32).range(1..), hide_short_help = true)]
    max_connections: u32,
    /// Maximum number of clients following alerts as server-sent events; at most half of the connections
    #[arg(long, env = "TOLLGATE_MAX_STREAMS", value_name = "COUNT", default_value_t = 256,
        value_parser = clap::value_parser!(u32).range(1..), hide_short_help = true)]
    max_streams: u32,
    /// Seconds allowed for the header of a request, or for the first byte of a new connection
    #[arg(long, env = "TOLLGATE_HEAD_TIMEOUT", value_name = "SECONDS", default_value_t = 15,
        value_parser = clap::value_parser!(u32).range(1..=3600), hide_short_help = true)]
    head_timeout: u32,
    /// Seconds allowed for a body, plus one for every 16 KiB of it
    #[arg(long, env = "TOLLGATE_BODY_TIMEOUT", value_name = "SECONDS", default_value_t = 15,
        value_parser = clap::value_parser!(u32).range(1..=3600), hide_short_help = true)]
    body_timeout: u32,
    /// Seconds for which an idle connection is kept open after an answer
    #[arg(long, env = "TOLLGATE_IDLE_TIMEOUT", value_name = "SECONDS", default_value_t = 75,
        value_parser = clap::value_parser!(u32).range(1..=86400), hide_short_help = true)]
    idle_timeout: u32,
    /// Seconds for which a client may stop reading its answer or stream
    #[arg(long, env = "TOLLGATE_STALLED_TIMEOUT", value_name = "SECONDS", default_value_t = 30,
        value_parser = clap::value_parser!(u32).range(1..=3600), hide_short_help = true)]
    stalled_timeout: u32,
}

/// How other machines reach a server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Other machines")]
pub(crate) struct NetworkArgs {
    /// Allow an address that other machines can reach, with TLS and keys; twice: without them, because the network
    /// itself is closed
    #[arg(long, action = ArgAction::Count)]
    allow_remote: u8,
    /// Speak TLS with the certificate in this PEM file, followed by those that sign it. It is read again on SIGHUP, and
    /// when the file changes
    #[arg(long, env = "TOLLGATE_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key, a PEM file that only its owner can read
    #[arg(long, env = "TOLLGATE_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A proxy, or a network of proxies, whose `X-Forwarded-For` says from where a request comes, such as 10.0.0.0/8
    #[arg(long = "trusted-proxy", value_name = "NETWORK")]
    trusted_proxies: Vec<Network>,
}

impl NetworkArgs {
    /// Whether other machines may reach it.
    pub(crate) const fn remote(&self) -> Remote {
        match self.allow_remote {
            0 => Remote::Refused,
            1 => Remote::Guarded,
            _ => Remote::Anyway,
        }
    }

    /// The certificate that clients are shown.
    pub(crate) fn tls(&self) -> Option<TlsFiles> {
        let (certificate, key) = self.tls_cert.clone().zip(self.tls_key.clone())?;
        Some(TlsFiles { certificate, key })
    }

    /// The proxies whose word is taken.
    pub(crate) fn proxies(&self) -> Proxies {
        Proxies::new(self.trusted_proxies.clone())
    }
}

impl HttpArgs {
    /// As the server takes them.
    pub(crate) fn limits(&self) -> ConnectionLimits {
        let seconds = |count: u32| Duration::from_secs(count.into());
        ConnectionLimits {
            connections: usize::try_from(self.max_connections).unwrap_or(usize::MAX),
            streams: usize::try_from(self.max_streams).unwrap_or(usize::MAX),
            head: seconds(self.head_timeout),
            body: seconds(self.body_timeout),
            idle: seconds(self.idle_timeout),
            stalled: seconds(self.stalled_timeout),
        }
    }
}
