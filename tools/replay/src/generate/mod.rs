//! Histories of tasks from a seed, whose percentiles, multipliers and runaways are known.
