//! The addresses of a name, checked before each connection; the connection goes to one that was checked.

use std::io;
use std::net::SocketAddr;

use futures_util::future::BoxFuture;

use crate::reach::{Forbidden, Reach, judge};

/// The most addresses of a name that are examined.
const MAX_ADDRESSES: usize = 64;

/// Finds the addresses of a name.
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of a name.
    ///
    /// # Errors
    ///
    /// If it has none, or they cannot be found.
    fn resolve<'a>(&'a self, name: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, port)).await?.collect()) })
    }
}

/// Why a target must not or cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// Its name has no address.
    #[error("`{name}` cannot be resolved: {reason}")]
    Unresolved {
        /// The name.
        name: String,
        /// Why.
        reason: String,
    },
    /// One of its addresses is forbidden, and therefore all are: which one gets used would be up to chance.
    #[error("`{name}` resolves to {forbidden}")]
    Forbidden {
        /// The name.
        name: String,
        /// The first such address.
        forbidden: Forbidden,
    },
}

/// The addresses of `name` that may be connected to, in the resolver's order, each with `port`. Must be
/// called before every connection: names change.
///
/// # Errors
///
/// [`GuardError`] if there is none, or any is forbidden.
pub async fn addresses(
    name: &str,
    port: u16,
    reach: Reach,
    resolver: &dyn Resolve,
) -> Result<Vec<SocketAddr>, GuardError> {
    let unresolved = |reason: String| GuardError::Unresolved { name: name.to_owned(), reason };
    let found = resolver.resolve(name, port).await.map_err(|error| unresolved(error.to_string()))?;
    if found.is_empty() {
        return Err(unresolved("no address".to_owned()));
    }
    if found.len() > MAX_ADDRESSES {
        return Err(unresolved(format!("{} addresses, at most {MAX_ADDRESSES}", found.len())));
    }
    for address in &found {
        judge(address.ip(), reach == Reach::Private)
            .map_err(|forbidden| GuardError::Forbidden { name: name.to_owned(), forbidden })?;
    }
    // Only what was checked is passed on: the requested port, no scope.
    Ok(found.into_iter().map(|address| SocketAddr::new(address.ip(), port)).collect())
}

#[cfg(test)]
mod tests;
