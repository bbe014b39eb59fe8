//! What the wire forms guarantee, seen from outside: golden vectors, the rules of JSON, properties of every event.

mod contract;
mod fields;
mod golden;
mod keys;
mod later;
mod money;
mod noted;
mod pooled;
mod priced;
mod progress;
mod properties;
mod rules;
mod samples;
mod sensitivity;
mod stored;
mod strategies;
