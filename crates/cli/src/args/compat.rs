//! Standing in for another system's service on a port of its own.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use tollgate_domain::zone::Zone;
use tollgate_tekton::Capability;

const LISTEN: &str = "127.0.0.1:8013";

const LIMITS: &str = "warn";

#[derive(Debug, Args)]
#[command(next_help_heading = "Compatibility")]
pub(crate) struct CompatArgs {
    /// Also answer as another system's service does, on a port of its own: `tekton`, its Budget component
    #[arg(long, env = "TOLLGATE_COMPAT", value_name = "SYSTEM", value_parser = ["tekton"])]
    pub(crate) compat: Option<String>,
    /// Address of that port; port 0 picks any free one
    #[arg(
        long,
        env = "TOLLGATE_TEKTON_LISTEN",
        value_name = "ADDRESS",
        default_value = LISTEN,
        hide_short_help = true
    )]
    pub(crate) tekton_listen: SocketAddr,
    /// Part that the port does not answer, while the old component still does it; may be repeated
    #[arg(
        long = "tekton-off",
        env = "TOLLGATE_TEKTON_OFF",
        value_name = "CAPABILITY",
        value_delimiter = ',',
        hide_short_help = true
    )]
    pub(crate) tekton_off: Vec<Capability>,
    /// What new budgets do at their daily, weekly and monthly limit of money; with `hard_limit`, Tekton's settings page
    /// shows and changes these limits
    #[arg(long, env = "TOLLGATE_TEKTON_LIMITS", value_name = "ENFORCEMENT", default_value = LIMITS,
        value_parser = ["ignore", "warn", "soft_limit", "hard_limit"], hide_short_help = true)]
    pub(crate) tekton_limits: String,
    /// Time zone of times that clients send without one, and of new policies (default: that of the variable TZ, else
    /// UTC)
    #[arg(long, env = "TOLLGATE_TEKTON_ZONE", value_name = "ZONE", hide_short_help = true)]
    pub(crate) tekton_zone: Option<Zone>,
    /// Leave models without a price that Tekton's own list has and the price book has not; else those prices are put
    /// in force
    #[arg(long, env = "TOLLGATE_TEKTON_NO_PRICES", hide_short_help = true)]
    pub(crate) tekton_no_prices: bool,
    /// Base address of Tekton's registry, such as http://localhost:8001, to register with and send heartbeats to
    #[arg(long, env = "TOLLGATE_TEKTON_REGISTRY", value_name = "URL", hide_short_help = true)]
    pub(crate) tekton_registry: Option<String>,
    /// Which of the registry's two interfaces is used
    #[arg(long, env = "TOLLGATE_TEKTON_REGISTRY_FORM", value_name = "FORM", value_enum, default_value_t = RegistryForm::Hermes,
        hide_short_help = true)]
    pub(crate) tekton_registry_form: RegistryForm,
    /// Address at which the registry's clients reach this port (default: http://localhost:PORT, https
    /// where it speaks TLS)
    #[arg(long, env = "TOLLGATE_TEKTON_ENDPOINT", value_name = "URL", hide_short_help = true)]
    pub(crate) tekton_endpoint: Option<String>,
}

impl CompatArgs {
    /// The flags that were set, and say how a port is that was not asked for.
    pub(crate) fn idle(&self) -> Vec<&'static str> {
        let set = [
            ("--tekton-listen", self.tekton_listen.to_string() != LISTEN),
            ("--tekton-off", !self.tekton_off.is_empty()),
            ("--tekton-limits", self.tekton_limits != LIMITS),
            ("--tekton-zone", self.tekton_zone.is_some()),
            ("--tekton-no-prices", self.tekton_no_prices),
            ("--tekton-registry", self.tekton_registry.is_some()),
            ("--tekton-registry-form", self.tekton_registry_form != RegistryForm::Hermes),
            ("--tekton-endpoint", self.tekton_endpoint.is_some()),
        ];
        set.into_iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag).collect()
    }
}

/// The interfaces of Tekton's registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RegistryForm {
    /// `/api/register`, with a token
    Hermes,
    /// `/registration/register`, of the older helper
    Registration,
}
