//! Real kills at the worst moments: nothing acknowledged is lost, nothing is counted twice.

mod chaos;
mod cluster;
mod full;
mod holds;
mod kill;
mod loss;
mod network;
mod outage;
mod replay;
