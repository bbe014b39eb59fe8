//! Views across restarts, redelivery, damage and other histories; queries that wait; rebuilds.

mod projectors;
mod readers;
mod views;
