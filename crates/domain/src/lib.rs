//! Words and rules of the Tollgate ledger. Pure: no clock, no I/O, no async, no randomness; time enters as data.
//!
//! Reading order: [`ids`] and [`position`] name things; [`phase`], [`tier`], [`metadata`] and [`config`] say
//! what a task is ([`yaml`] reads files); [`limits`] follow from them; [`tokens`], [`usage`], [`money`] and
//! [`price`] say what was used and what it cost; [`event`] is what the log holds; [`task`] decides commands;
//! [`breach`] and [`gate`] judge, [`progress`] says what was achieved for it; [`budget`] what may be spent across
//! tasks, [`pool`] what they may give each other, [`key`] who may ask for what. [`session_phases`] gives phases to
//! sessions that have none.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

pub mod alert;
pub mod breach;
pub mod budget;
pub mod config;
pub mod decimal;
pub mod event;
pub mod gate;
pub mod hex;
pub mod ids;
pub mod key;
pub mod limits;
pub mod metadata;
pub mod money;
pub mod nearest;
pub mod phase;
pub mod pool;
pub mod position;
pub mod price;
pub mod printable;
pub mod progress;
pub mod session_phases;
pub mod task;
pub mod tier;
pub mod time;
pub mod tokens;
pub mod units;
pub mod usage;
pub mod words;
pub mod yaml;
pub mod zone;
