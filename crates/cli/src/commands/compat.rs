//! The port that stands in for another system's service.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tollgate_client::Client;
use tollgate_clock::SystemClock;
use tollgate_domain::budget::BudgetEnforcement;
use tollgate_domain::zone::Zone;
use tollgate_server::Beside;
use tollgate_tekton::{Options, Tekton, registry};

use crate::args::{CompatArgs, Global, RegistryForm};
use crate::connect::InProcess;
use crate::exit::Failure;
use crate::output::note;

/// Whoever started Tekton's own component with this wants keys to be asked for.
const REQUIRE_AUTH: &str = "BUDGET_API_REQUIRE_AUTH";

/// A door, and where it is.
pub(crate) struct Door {
    pub(crate) beside: Beside,
    pub(crate) address: SocketAddr,
}

/// The door that the flags ask for, its port taken.
pub(crate) async fn beside(
    global: &Global,
    args: &CompatArgs,
    allow_remote: bool,
) -> Result<Option<Door>, Failure> {
    if args.compat.is_none() {
        return Ok(None);
    }
    let asked = args.tekton_listen;
    if !asked.ip().is_loopback() && !allow_remote {
        return Err(Failure::failed(format!(
            "--tekton-listen {asked}: other machines can reach that address; add --allow-remote if that is intended"
        )));
    }
    let failed =
        |error: std::io::Error| Failure::failed(format!("--tekton-listen {asked}: cannot listen: {error}"));
    let listener = TcpListener::bind(asked).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let options = options(args, address)?;
    let (tenant, ships) = (global.tenant.clone(), !args.tekton_no_prices);
    // It is opened once; a second time there would be no port left to take.
    let listener = std::sync::Mutex::new(Some(listener));
    let beside = Beside::new(move |api, stopped| {
        let taken = listener.lock().ok().and_then(|mut listener| listener.take());
        let client = Client::new(Arc::new(InProcess(api)));
        let app = Tekton::new(client, tenant.clone(), Arc::new(SystemClock), options.clone());
        async move {
            if let Some(listener) = taken {
                if ships && let Err(error) = app.ship_prices().await {
                    note(&format!("! the prices of Tekton's list are not in force: {error}"));
                }
                open(app, listener, stopped).await;
            }
        }
    });
    Ok(Some(Door { beside, address }))
}

/// Answers until it is told to stop.
async fn open(app: Arc<Tekton>, listener: TcpListener, stopped: watch::Receiver<bool>) {
    let mut ended = stopped.clone();
    let stop = async move {
        // An error means that the sender is gone, along with the server.
        let _ = ended.wait_for(|stop| *stop).await;
    };
    let registered = registry::run(Arc::clone(&app), stopped);
    let served = async {
        let router = tollgate_tekton::router(app);
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
            note(&format!("! the port of Tekton's clients is closed: {error}"));
        }
    };
    tokio::join!(served, registered);
}

fn options(args: &CompatArgs, address: SocketAddr) -> Result<Options, Failure> {
    let zone = match &args.tekton_zone {
        Some(zone) => zone.clone(),
        None => std::env::var("TZ").ok().and_then(|name| name.parse().ok()).unwrap_or_else(Zone::utc),
    };
    let endpoint =
        args.tekton_endpoint.clone().unwrap_or_else(|| format!("http://localhost:{}", address.port()));
    let registry = args.tekton_registry.as_ref().map(|base| {
        let form = match args.tekton_registry_form {
            RegistryForm::Hermes => registry::address::Form::Hermes,
            RegistryForm::Registration => registry::address::Form::Registration,
        };
        registry::address::Registry::new(base, form, &endpoint)
    });
    let registry =
        registry.transpose().map_err(|error| Failure::failed(format!("--tekton-registry: {error}")))?;
    Ok(Options {
        zone,
        cost_limits: BudgetEnforcement::from_word(&args.tekton_limits).unwrap_or(BudgetEnforcement::Warn),
        keys: keys(args)?,
        off: args.tekton_off.iter().copied().collect(),
        registry,
        ..Options::new(address.port())
    })
}

/// The keys of the file, one a line.
fn keys(args: &CompatArgs) -> Result<Vec<String>, Failure> {
    let Some(file) = &args.tekton_keys else {
        let required = std::env::var(REQUIRE_AUTH).is_ok_and(|value| value.eq_ignore_ascii_case("true"));
        return if required {
            Err(Failure::failed(format!("{REQUIRE_AUTH} asks for keys: say which with --tekton-keys FILE")))
        } else {
            Ok(Vec::new())
        };
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::failed(format!("--tekton-keys {}: {error}", file.display())))?;
    let keys: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    if keys.is_empty() {
        return Err(Failure::failed(format!(
            "--tekton-keys {}: has no key; write one a line",
            file.display()
        )));
    }
    Ok(keys)
}
