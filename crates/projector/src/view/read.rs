//! What is kept beside a view's rows, and what both were at one moment.

use std::borrow::Cow;

use tollgate_projection::fold::Projection;

use super::View;
use crate::before::Before;
use crate::cache::Page;
use crate::rows::{Moment, RowError};
use crate::seen::EntryOf;

impl<P: Projection> View<P> {
    /// Brings what is kept beside the rows up to date with at most this many of them. Returns how many are left.
    ///
    /// # Errors
    ///
    /// The errors of reading rows. The view can then not be committed, and is to be opened again.
    pub fn count(&mut self, most: usize) -> Result<usize, RowError> {
        self.rows.count(most)
    }

    /// What is kept under a key, as of when it was last brought [up to date](Self::count).
    ///
    /// # Errors
    ///
    /// The errors of reading rows.
    pub fn kept(&self, key: &[u8]) -> Result<Option<Cow<'_, EntryOf<P>>>, RowError> {
        self.rows.look_up_kept(key)
    }

    /// What is kept under keys that begin with a prefix, in order, starting after `after`; likewise.
    pub fn scan_kept<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
    ) -> impl Iterator<Item = Result<(Vec<u8>, Cow<'a, EntryOf<P>>), RowError>> + 'a {
        self.rows.scan_kept(prefix, after)
    }

    /// Remembers its current rows, and what is kept beside them.
    pub(crate) fn snapshot(&self) -> Moment<P::Row, EntryOf<P>> {
        self.rows.snapshot()
    }

    /// A page of the rows of a snapshot.
    pub(crate) fn page(
        &self,
        before: &Before<P::Row>,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Page<P::Row>, RowError> {
        self.rows.page(before, prefix, after, most)
    }

    /// A row of a snapshot.
    pub(crate) fn get_before(&self, before: &Before<P::Row>, key: &[u8]) -> Result<Option<P::Row>, RowError> {
        self.rows.look_up_before(before, key)
    }

    /// A page of what was kept at a snapshot.
    pub(crate) fn page_of_kept(
        &self,
        before: &Before<EntryOf<P>>,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Page<EntryOf<P>>, RowError> {
        self.rows.page_of_kept(before, prefix, after, most)
    }

    /// What was kept under a key at a snapshot.
    pub(crate) fn kept_before(
        &self,
        before: &Before<EntryOf<P>>,
        key: &[u8],
    ) -> Result<Option<EntryOf<P>>, RowError> {
        self.rows.look_up_kept_before(before, key)
    }
}
