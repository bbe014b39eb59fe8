//! The Model Context Protocol on stdin and stdout.

use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use tokio::sync::Mutex;
use tollgate_mcp::{Api, BoxFuture, Caller, NoAnswer, Unsaid, over_lines};
use tollgate_server::http::catalogue;

use crate::args::{Global, PRODUCER};
use crate::connect::{Access, Connection};
use crate::exit::Failure;

/// Answers one agent until it closes its end.
pub(crate) async fn run(global: &Global) -> Result<ExitCode, Failure> {
    let tools = catalogue().map_err(|error| Failure::failed(error.to_string()))?;
    let ledger = Arc::new(AsCommands { global: Arc::new(global.clone()), turn: Arc::default() });
    let producer = Some(&global.producer).filter(|named| *named != PRODUCER).cloned();
    let unsaid = Unsaid { tenant: global.tenant.clone(), producer };
    let streams = (tokio::io::stdin(), tokio::io::stdout());
    let ended = over_lines(tools, Arc::clone(&ledger) as Arc<dyn Api>, unsaid, streams).await;
    // What was asked last is still being written down.
    drop(ledger.turn.lock().await);
    ended.map_err(|error| Failure::failed(format!("mcp: {error}")))?;
    Ok(ExitCode::SUCCESS)
}

/// The ledger, found for each request as a command finds it: an agent's session lasts for hours, and holds up no other
/// command and no other agent.
struct AsCommands {
    global: Arc<Global>,
    /// Two requests of this process cannot have the data directory at once.
    turn: Arc<Mutex<()>>,
}

impl Api for AsCommands {
    fn send<'a>(
        &'a self,
        request: Request<Bytes>,
        _caller: Option<&'a Caller>,
    ) -> BoxFuture<'a, Result<Response<Bytes>, NoAnswer>> {
        let (global, turn) = (Arc::clone(&self.global), Arc::clone(&self.turn));
        // It goes on if the agent takes its request back: the ledger has to be closed.
        let asked = tokio::spawn(async move {
            let _turn = turn.lock().await;
            ask(&global, request).await
        });
        Box::pin(async move { asked.await.unwrap_or_else(|error| Err(NoAnswer::Lost(error.to_string()))) })
    }
}

async fn ask(global: &Global, request: Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
    // As `tollgate usage record` does.
    let makes = request.uri().path() == "/v1/events";
    let access = if makes { Access::MayCreate } else { Access::Existing };
    let opened = Connection::open(global, access).await;
    let connection = opened.map_err(|failure| NoAnswer::NotAsked(failure.message))?;
    let answer = connection.client.forward(request).await;
    connection.close().await;
    answer.map_err(|error| NoAnswer::Lost(error.to_string()))
}
