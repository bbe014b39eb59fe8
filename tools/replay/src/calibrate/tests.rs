//! Tests of calibrations.
