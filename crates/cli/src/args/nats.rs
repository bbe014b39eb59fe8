//! How a log on NATS is reached.

use std::path::PathBuf;

use clap::Args;

/// What `--help` says that these flags are for.
const NATS: &str = "Everywhere: NATS, with --log";

/// How a log on NATS is reached.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = NATS)]
pub(crate) struct NatsArgs {
    /// The stream of the ledger
    #[arg(long, global = true, env = "TOLLGATE_STREAM", value_name = "NAME", default_value = tollgate_log_jetstream::topology::STREAM)]
    pub(crate) stream: String,
    /// NATS credentials file
    #[arg(long, global = true, env = "TOLLGATE_NATS_CREDS", value_name = "FILE")]
    pub(crate) nats_creds: Option<PathBuf>,
    /// NATS nkey seed file
    #[arg(long, global = true, env = "TOLLGATE_NATS_NKEY", value_name = "FILE")]
    pub(crate) nats_nkey: Option<PathBuf>,
    /// NATS user; needs a password file
    #[arg(long, global = true, env = "TOLLGATE_NATS_USER", value_name = "NAME")]
    pub(crate) nats_user: Option<String>,
    /// File with the NATS password
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        env = "TOLLGATE_NATS_PASSWORD_FILE",
        value_name = "FILE"
    )]
    pub(crate) nats_password_file: Option<PathBuf>,
    /// File with a NATS token
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        env = "TOLLGATE_NATS_TOKEN_FILE",
        value_name = "FILE"
    )]
    pub(crate) nats_token_file: Option<PathBuf>,
    /// Require TLS; so does tls:// in the address
    #[arg(long, global = true, env = "TOLLGATE_NATS_TLS")]
    pub(crate) nats_tls: bool,
    /// CA certificates to verify the server with, instead of the system's
    #[arg(long, global = true, env = "TOLLGATE_NATS_CA", value_name = "FILE")]
    pub(crate) nats_ca: Option<PathBuf>,
    /// Client certificate
    #[arg(long, global = true, env = "TOLLGATE_NATS_CERT", value_name = "FILE")]
    pub(crate) nats_cert: Option<PathBuf>,
    /// Key of the client certificate
    #[arg(long, global = true, env = "TOLLGATE_NATS_KEY", value_name = "FILE")]
    pub(crate) nats_key: Option<PathBuf>,
    /// Prefix of this client's inbox subjects, if its permissions require one
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        env = "TOLLGATE_NATS_INBOX_PREFIX",
        value_name = "SUBJECT"
    )]
    pub(crate) nats_inbox_prefix: Option<String>,
    /// The server's monitoring address, used to check whether it syncs before acknowledging
    #[arg(long, global = true, env = "TOLLGATE_NATS_MONITOR", value_name = "URL")]
    pub(crate) nats_monitor: Option<String>,
    /// The server's store directory on this machine, used to check whether it is synchronous
    #[arg(long, global = true, env = "TOLLGATE_NATS_STORE", value_name = "DIR")]
    pub(crate) nats_store: Option<PathBuf>,
    /// Declare that the server provides what --durability asks for; shown as declared
    #[arg(long, global = true, env = "TOLLGATE_DURABILITY_DECLARED")]
    pub(crate) durability_declared: bool,
}
