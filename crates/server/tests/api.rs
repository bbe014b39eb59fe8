//! The HTTP API through its router: what is asked, what is answered, which status, which code.

mod support;

#[path = "api/append.rs"]
mod append;
#[path = "api/gate.rs"]
mod gate;
#[path = "api/views.rs"]
mod views;
