//! How much of a store is recent.

/// When recent rows, which are in memory and in sled, are written as a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The most bytes of recent rows.
    pub recent: usize,
    /// The most bytes of one commit that become recent rows.
    pub commit: usize,
}

impl Default for Sizes {
    /// 4 MiB of recent rows, 1 MiB of them by one commit.
    fn default() -> Self {
        Self { recent: 4 << 20, commit: 1 << 20 }
    }
}
