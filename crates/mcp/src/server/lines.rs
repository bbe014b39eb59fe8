//! The protocol over stdin and stdout: one message a line.

use std::sync::Arc;

use rmcp::ServiceExt;
use rmcp::service::QuitReason;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Server;
use crate::api::Api;
use crate::tool::{Catalogue, Unsaid};

/// Why the conversation ended before the client ended it.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// The first messages are none that begin a conversation.
    #[error("the client did not begin as the Model Context Protocol says: {0}")]
    Begin(String),
    /// Answering failed.
    #[error("answering the client: {0}")]
    Failed(String),
}

/// Answers one client until it closes its end.
///
/// # Errors
///
/// [`LinesError`]. That the client closes its end at once is none.
pub async fn over_lines<R, W>(
    catalogue: Arc<Catalogue>,
    api: Arc<dyn Api>,
    unsaid: Unsaid,
    (input, output): (R, W),
) -> Result<(), LinesError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let running = match Server::new(catalogue, api, unsaid).serve((input, output)).await {
        Ok(running) => running,
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(LinesError::Begin(error.to_string())),
    };
    match running.waiting().await {
        Ok(QuitReason::JoinError(error)) | Err(error) => Err(LinesError::Failed(error.to_string())),
        Ok(_) => Ok(()),
    }
}
