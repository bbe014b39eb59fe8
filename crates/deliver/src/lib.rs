//! Delivery of alerts to people and programs: signed webhooks and a bus, from an outbox that keeps what is
//! not delivered yet. It treats alerts as data and knows neither views nor the log.
//!
//! Reading order: [`config`] is what an operator writes; [`message`] is what an endpoint receives, [`digest`]
//! one message in place of many; [`outbox`] says what a store of undelivered messages promises; [`plan`]
//! decides what to do next, purely; [`runner`] does it. A webhook is signed ([`signature`]) and sent
//! ([`webhook`]) through `tollgate_outbound`; [`schedule`] says when it is retried. [`remediation`] opens the
//! follow-up of a block, by the same webhook, by a file or by a command.

pub mod bus;
pub mod channel;
pub mod config;
pub mod connect;
pub mod digest;
pub mod message;
pub mod notice;
pub mod outbox;
pub mod plan;
pub mod remediation;
pub mod runner;
pub mod schedule;
pub mod secret;
pub mod signature;
pub mod webhook;

pub use futures_util::future::BoxFuture;
