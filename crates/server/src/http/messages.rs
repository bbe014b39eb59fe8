//! What the OpenAPI document says of `/mcp`: apart from what answers there, which is made from that document.

/// Send messages of the Model Context Protocol
///
/// Revision 2026-07-28, and those that begin with `initialize`, up to 2025-11-25. There are no sessions. Every key may
/// list tools; what a call of one needs is what the operation behind it needs.
#[utoipa::path(post, path = "/mcp", tag = "mcp", request_body = Object, responses(
    (status = 200, description = "The answer to a request", body = Object),
    (status = 202, description = "A notification was taken"),
    (status = 406, description = "The header `Accept` lacks `application/json` or `text/event-stream`"),
))]
#[expect(
    dead_code,
    reason = "only its description is used: the handler is made with the routes in front of which it stands"
)]
pub(crate) const fn answer() {}
