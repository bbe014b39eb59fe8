//! Calibrations of histories whose truth is known, and of odd ones.

mod golden;
mod laws;
mod odd;
mod rates;
