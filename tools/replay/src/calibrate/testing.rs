//! Histories for tests.
