//! The port that stands in for another system's service.

use std::sync::Arc;

use tollgate_client::Client;
use tollgate_clock::SystemClock;
use tollgate_domain::budget::BudgetEnforcement;
use tollgate_domain::zone::Zone;
use tollgate_server::{Beside, Inside, Outside};
use tollgate_tekton::{Options, Tekton, registry};

use crate::args::{CompatArgs, Global, RegistryForm};
use crate::connect::InProcess;
use crate::exit::Failure;
use crate::output::note;

/// Whoever started Tekton's own component with this wants keys to be asked for.
const REQUIRE_AUTH: &str = "BUDGET_API_REQUIRE_AUTH";

/// The door that the flags ask for, if any.
pub(crate) fn beside(global: &Global, args: &CompatArgs) -> Result<Option<Beside>, Failure> {
    if args.compat.is_none() {
        let idle = args.idle();
        if !idle.is_empty() {
            note(&format!("! {}: nothing is done with it without `--compat tekton`", idle.join(", ")));
        }
        return Ok(None);
    }
    // Its own port is only known once it listens.
    let options = options(args)?;
    let endpoint = args.tekton_endpoint.clone();
    let (tenant, ships) = (global.tenant.clone(), !args.tekton_no_prices);
    let door = Beside::new(args.tekton_listen, "--tekton-listen", move |inside| {
        let mut options = options.clone();
        options.port = inside.address.port();
        if let Some(registry) = &mut options.registry {
            let scheme = inside.url.split_once("://").map_or("http", |(scheme, _)| scheme);
            let own = || format!("{scheme}://localhost:{}", options.port);
            registry.endpoint = endpoint.clone().unwrap_or_else(own).trim_end_matches('/').to_owned();
        }
        open(inside, tenant.clone(), ships, options)
    });
    let asks_for_keys = std::env::var(REQUIRE_AUTH).is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    Ok(Some(if asks_for_keys { door.with_keys_only() } else { door }))
}

async fn open(inside: Inside, tenant: Option<String>, ships: bool, options: Options) -> Outside {
    let Inside { api, own, stopped, .. } = inside;
    let client = |router| Client::new(Arc::new(InProcess(router)));
    let app = Tekton::new(&client(api), tenant, Arc::new(SystemClock), options, stopped.clone());
    if ships && let Err(error) = app.ship_prices(&client(own)).await {
        note(&format!("! the prices of Tekton's list are not in force: {error}"));
    }
    let router = tollgate_tekton::router(Arc::clone(&app));
    Outside { router, alongside: Box::pin(registry::run(app, stopped)) }
}

fn options(args: &CompatArgs) -> Result<Options, Failure> {
    let zone = match &args.tekton_zone {
        Some(zone) => zone.clone(),
        None => std::env::var("TZ").ok().and_then(|name| name.parse().ok()).unwrap_or_else(Zone::utc),
    };
    let registry = args.tekton_registry.as_ref().map(|base| {
        let form = match args.tekton_registry_form {
            RegistryForm::Hermes => registry::address::Form::Hermes,
            RegistryForm::Registration => registry::address::Form::Registration,
        };
        registry::address::Registry::new(base, form, "")
    });
    let failed = |error| {
        Failure::failed(format!("--tekton-registry: {error}; it is an address such as http://localhost:8001"))
    };
    let registry = registry.transpose().map_err(failed)?;
    Ok(Options {
        zone,
        cost_limits: BudgetEnforcement::from_word(&args.tekton_limits).unwrap_or(BudgetEnforcement::Warn),
        off: args.tekton_off.iter().copied().collect(),
        registry,
        ..Options::new(args.tekton_listen.port())
    })
}
