//! Where a registry is, and how it reaches this component.

use std::time::Duration;

use tollgate_outbound::{Permits, Target};
use url::Url;

/// The two interfaces that a registry may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `/api/register`, with a token.
    Hermes,
    /// `/registration/register`, of the older helper.
    Registration,
}

/// A registry, and how it reaches this component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// Its address.
    pub base: String,
    /// Its interface.
    pub form: Form,
    /// Where clients reach this component.
    pub endpoint: String,
    /// How often it is told that this component is there.
    pub every: Duration,
    pub(crate) permits: Permits,
}

impl Registry {
    /// A registry at an address, which may be on this machine.
    ///
    /// # Errors
    ///
    /// What is wrong with the address.
    pub fn new(base: &str, form: Form, endpoint: &str) -> Result<Self, String> {
        let url = Url::parse(base).map_err(|error| format!("`{base}`: {error}"))?;
        let ports = url.port_or_known_default().into_iter().collect();
        let permits = Permits { http: true, private: true, ports };
        Target::parse(base, &permits).map_err(|error| format!("`{base}`: {error}"))?;
        let every = match form {
            Form::Hermes => Duration::from_secs(30),
            Form::Registration => Duration::from_secs(60),
        };
        let (base, endpoint) =
            (base.trim_end_matches('/').to_owned(), endpoint.trim_end_matches('/').to_owned());
        Ok(Self { base, form, endpoint, every, permits })
    }
}
