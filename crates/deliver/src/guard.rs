//! Which machines a webhook may reach: public ones, unless an operator permits private ones. An address is judged before
//! each connection, and the connection goes to the address that was judged.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::BoxFuture;
use crate::target::{Target, TargetHost};

/// Most addresses of a name that are looked at.
const MAX_ADDRESSES: usize = 64;

/// How far addresses may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Machines on the public internet only.
    Public,
    /// This machine and private networks too.
    Private,
}

/// An address that must not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Forbidden {
    /// Which address.
    pub address: IpAddr,
    /// What it is.
    pub what: &'static str,
    /// Whether `allow_private` would permit it.
    pub permissible: bool,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, which no webhook may reach", self.address, self.what)?;
        if self.permissible { f.write_str(" unless the endpoint says `allow_private: true`") } else { Ok(()) }
    }
}

/// Says whether an address may be reached.
///
/// # Errors
///
/// [`Forbidden`] with what the address is.
pub fn judge(address: IpAddr, private: bool) -> Result<(), Forbidden> {
    let class = match address {
        IpAddr::V4(v4) => class_of_v4(v4),
        IpAddr::V6(v6) => class_of_v6(v6),
    };
    match class {
        Class::Public => Ok(()),
        Class::Private(_) if private => Ok(()),
        Class::Private(what) => Err(Forbidden { address, what, permissible: true }),
        Class::Never(what) => Err(Forbidden { address, what, permissible: false }),
    }
}

#[derive(Clone, Copy)]
enum Class {
    Public,
    /// For in-house receivers, with a permit.
    Private(&'static str),
    /// No receiver of webhooks is there.
    Never(&'static str),
}

/// Blocks of IPv4 that are not public, as (first address, bits of the prefix, class); the first that matches holds. From the IANA registry of
/// special-purpose addresses, and the addresses where clouds tell machines their secrets.
const V4: &[([u8; 4], u32, Class)] = &[
    ([168, 63, 129, 16], 32, Class::Never("a cloud's metadata service")),
    ([100, 100, 100, 200], 32, Class::Never("a cloud's metadata service")),
    ([192, 0, 0, 192], 32, Class::Never("a cloud's metadata service")),
    ([169, 254, 0, 0], 16, Class::Never("link-local, where clouds keep metadata")),
    ([0, 0, 0, 0], 8, Class::Never("`this network`")),
    ([10, 0, 0, 0], 8, Class::Private("private")),
    ([100, 64, 0, 0], 10, Class::Private("shared by a carrier's customers")),
    ([127, 0, 0, 0], 8, Class::Private("this machine")),
    ([172, 16, 0, 0], 12, Class::Private("private")),
    ([192, 168, 0, 0], 16, Class::Private("private")),
    ([192, 0, 0, 0], 24, Class::Never("reserved for protocols")),
    ([192, 0, 2, 0], 24, Class::Never("for documentation")),
    ([192, 31, 196, 0], 24, Class::Never("reserved")),
    ([192, 52, 193, 0], 24, Class::Never("reserved")),
    ([192, 88, 99, 0], 24, Class::Never("a relay to IPv6")),
    ([192, 175, 48, 0], 24, Class::Never("reserved")),
    ([198, 18, 0, 0], 15, Class::Never("for benchmarks")),
    ([198, 51, 100, 0], 24, Class::Never("for documentation")),
    ([203, 0, 113, 0], 24, Class::Never("for documentation")),
    ([224, 0, 0, 0], 4, Class::Never("multicast")),
    ([240, 0, 0, 0], 4, Class::Never("reserved or broadcast")),
];

/// The same of IPv6: its first two groups of 16 bits, four at most. Whatever stands in no block is public only within 2000::/3.
const V6: &[([u16; 8], u32, Class)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, Class::Private("this machine")),
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, Class::Never("no address")),
    ([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, Class::Never("an IPv4 address in IPv6 form")),
    ([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, Class::Never("an IPv4 address in IPv6 form")),
    ([0, 0, 0, 0, 0, 0, 0, 0], 96, Class::Never("an IPv4 address in IPv6 form")),
    ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, Class::Never("an IPv4 address behind NAT64")),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, Class::Never("an IPv4 address behind NAT64")),
    ([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32, Class::Never("a cloud's metadata service")),
    ([0xfd20, 0xce, 0, 0, 0, 0, 0, 0], 32, Class::Never("a cloud's metadata service")),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, Class::Private("private")),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, Class::Never("link-local")),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, Class::Never("site-local")),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, Class::Never("multicast")),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, Class::Never("reserved for protocols and tunnels")),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, Class::Never("for documentation")),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, Class::Never("an IPv4 address behind 6to4")),
    ([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16, Class::Never("given back, for tests")),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, Class::Never("for documentation")),
    ([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, Class::Never("reserved")),
    ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3, Class::Public),
];

fn class_of_v4(address: Ipv4Addr) -> Class {
    let in_block = |&&(first, bits, _): &&([u8; 4], u32, Class)| {
        (address.to_bits() ^ Ipv4Addr::from(first).to_bits()).leading_zeros() >= bits
    };
    V4.iter().find(in_block).map_or(Class::Public, |&(.., class)| class)
}

fn class_of_v6(address: Ipv6Addr) -> Class {
    let in_block = |&&(first, bits, _): &&([u16; 8], u32, Class)| {
        (address.to_bits() ^ Ipv6Addr::from(first).to_bits()).leading_zeros() >= bits
    };
    V6.iter().find(in_block).map_or(Class::Never("outside what is given to networks"), |&(.., class)| class)
}

/// Finds the addresses of a name.
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of a name.
    ///
    /// # Errors
    ///
    /// When it has none or they cannot be found.
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
    /// One of its addresses is forbidden, and so all are: which one is taken would be chance.
    #[error("`{name}` resolves to {forbidden}")]
    Forbidden {
        /// The name.
        name: String,
        /// The first such address.
        forbidden: Forbidden,
    },
}

/// The addresses that may be connected to, in the resolver's order. To be asked before every attempt: names change.
///
/// # Errors
///
/// [`GuardError`] when there is none, or any is forbidden.
pub async fn addresses(target: &Target, resolver: &dyn Resolve) -> Result<Vec<SocketAddr>, GuardError> {
    let name = match target.host() {
        TargetHost::Name(name) => name.clone(),
        TargetHost::Address(address) => address.to_string(),
    };
    let unresolved = |reason: String| GuardError::Unresolved { name: name.clone(), reason };
    let found = match target.host() {
        TargetHost::Name(name) => {
            resolver.resolve(name, target.port()).await.map_err(|error| unresolved(error.to_string()))?
        }
        TargetHost::Address(address) => vec![SocketAddr::new(*address, target.port())],
    };
    if found.is_empty() {
        return Err(unresolved("no address".to_owned()));
    }
    if found.len() > MAX_ADDRESSES {
        return Err(unresolved(format!("{} addresses, at most {MAX_ADDRESSES}", found.len())));
    }
    let private = target.reach() == Reach::Private;
    for address in &found {
        judge(address.ip(), private)
            .map_err(|forbidden| GuardError::Forbidden { name: name.clone(), forbidden })?;
    }
    // Only what was judged goes on: the port asked for, no scope.
    Ok(found.into_iter().map(|address| SocketAddr::new(address.ip(), target.port())).collect())
}

#[cfg(test)]
mod tests;
