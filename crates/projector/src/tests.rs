//! Views across restarts, redelivery, damage and diverging histories; queries that wait; rebuilds.

mod damage;
mod kept;
mod projectors;
mod readers;
mod spending;
mod views;
