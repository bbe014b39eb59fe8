//! Limits proposed from what phases of past tasks took.
