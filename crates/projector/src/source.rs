//! Where the answers of a view come from: a projector in this process, or processes that answer over NATS.

use std::time::Duration;

use tollgate_domain::position::{PartitionId, Position};
use tollgate_projection::fold::Projection;
use tollgate_wire::api::ViewHealth;

use crate::nats::Remote;
use crate::projector::Projector;
use crate::query::{Answered, Query, QueryError, Wait};
use crate::rebuild::{RebuildError, Rebuilt};

/// A view that can be queried.
pub enum Source<P: Projection + Clone> {
    /// Answered by a projector in this process.
    Local(Projector<P>),
    /// Answered by projectors in their own processes.
    Remote(Remote<P>),
}

impl<P: Projection + Clone> Source<P> {
    /// Queries one partition.
    ///
    /// # Errors
    ///
    /// [`QueryError`]; a view that is behind returns an error rather than an outdated answer.
    pub async fn ask<Q: Query<P>>(
        &self,
        partition: PartitionId,
        wait: Wait<'_>,
        query: &Q,
    ) -> Result<Answered<Q::Answer>, QueryError> {
        match self {
            Self::Local(projector) => projector.ask(wait, query).await,
            Self::Remote(remote) => remote.ask(partition, wait, query).await,
        }
    }

    /// Queries all partitions: one answer from each part, and their combined position.
    ///
    /// # Errors
    ///
    /// [`QueryError`], including when the answer of one part is missing.
    pub async fn ask_all<Q: Query<P>>(
        &self,
        wait: Wait<'_>,
        query: &Q,
    ) -> Result<(Vec<Q::Answer>, Position), QueryError> {
        let answers = match self {
            Self::Local(projector) => vec![projector.ask(wait, query).await?],
            Self::Remote(remote) => remote.ask_all(wait, query).await?,
        };
        let mut parts = Vec::with_capacity(answers.len());
        let mut as_of: Option<Position> = None;
        for Answered { answer, as_of: of_part, .. } in answers {
            parts.push(answer);
            match &mut as_of {
                Some(as_of) => as_of.merge(&of_part),
                None => as_of = Some(of_part),
            }
        }
        let as_of =
            as_of.ok_or(QueryError::Failed { view: P::NAME, reason: "nobody was asked".to_owned() })?;
        Ok((parts, as_of))
    }

    /// The health of each part. A part that does not answer is reported as not running.
    pub async fn health(&self) -> Vec<ViewHealth> {
        match self {
            Self::Local(projector) => vec![projector.health().await],
            Self::Remote(remote) => remote.health().await,
        }
    }

    /// What it contains, as far as that is known without a query.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Local(projector) => Some(projector.position()),
            Self::Remote(_) => None,
        }
    }

    /// Waits until some part contains more than a position, for at most `up_to`.
    pub async fn moved_from(&self, position: &Position, up_to: Duration) {
        match self {
            Self::Local(projector) => {
                projector.moved_from(position, up_to).await;
            }
            Self::Remote(remote) => remote.moved_from(position, up_to).await,
        }
    }

    /// Builds each part a second time and compares them.
    ///
    /// # Errors
    ///
    /// [`RebuildError`].
    pub async fn rebuild(&self) -> Result<Vec<Rebuilt>, RebuildError> {
        match self {
            Self::Local(projector) => Ok(vec![projector.rebuild().await?]),
            Self::Remote(remote) => remote.rebuild().await,
        }
    }

    /// Stops and commits a view in this process.
    pub async fn stop(&self) {
        if let Self::Local(projector) = self {
            projector.stop().await;
        }
    }
}
