//! About whose data a key is, and in whose name.

/// What a key is restricted to. An empty list restricts nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyReach {
    /// Only data of these tenants.
    pub tenants: Vec<String>,
    /// Only as these producers.
    pub producers: Vec<String>,
    /// Only for these components.
    pub components: Vec<String>,
}

impl KeyReach {
    /// Whether nothing is restricted.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.tenants.is_empty() && self.producers.is_empty() && self.components.is_empty()
    }

    /// Whether it covers data of this tenant.
    #[must_use]
    pub fn covers_tenant(&self, tenant: &str) -> bool {
        covers(&self.tenants, Some(tenant))
    }

    /// Whether it covers this producer; `None`: a request that names none.
    #[must_use]
    pub fn covers_producer(&self, producer: Option<&str>) -> bool {
        covers(&self.producers, producer)
    }

    /// Whether it covers this component; `None`: a request that names none.
    #[must_use]
    pub fn covers_component(&self, component: Option<&str>) -> bool {
        covers(&self.components, component)
    }
}

fn covers(only: &[String], named: Option<&str>) -> bool {
    only.is_empty() || named.is_some_and(|named| only.iter().any(|only| only == named))
}
