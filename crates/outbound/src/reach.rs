//! Which machines may be reached: public ones, unless an operator permits private ones.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far addresses may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only machines on the public internet.
    Public,
    /// This machine and private networks as well.
    Private,
}

/// An address that must not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Forbidden {
    /// Which address.
    pub address: IpAddr,
    /// The kind of address it is.
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

/// Checks whether an address may be reached.
///
/// # Errors
///
/// [`Forbidden`] with the kind of address it is.
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
    /// For in-house receivers, if permitted.
    Private(&'static str),
    /// There can be no webhook receiver here.
    Never(&'static str),
}

/// Blocks of IPv4 that are not public, as (first address, bits of the prefix, class); the first match wins.
/// From the IANA registry of special-purpose addresses, plus the addresses at which clouds give machines
/// their secrets.
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

/// The same for IPv6: its first two groups of 16 bits, four at most. An address in no block is public only
/// within 2000::/3.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_of_every_block() {
        for (inside, before, after) in [
            ("10.0.0.0", "9.255.255.255", "11.0.0.0"),
            ("100.64.0.0", "100.63.255.255", "100.128.0.0"),
            ("127.255.255.255", "126.255.255.255", "128.0.0.0"),
            ("169.254.255.255", "169.253.255.255", "169.255.0.0"),
            ("172.31.255.255", "172.15.255.255", "172.32.0.0"),
            ("192.168.255.255", "192.167.255.255", "192.169.0.0"),
            ("198.19.255.255", "198.17.255.255", "198.20.0.0"),
            ("239.255.255.255", "223.255.255.255", "223.0.0.0"),
            ("2001:1ff:ffff::", "2000:ffff::", "2001:200::"),
            ("2002:ffff::", "2001:ffff::", "2003::"),
            ("2001:db8:ffff::", "2001:db7::", "2001:db9::"),
        ] {
            let fine = |text: &str| judge(text.parse().unwrap(), false).is_ok();
            assert_eq!((fine(inside), fine(before), fine(after)), (false, true, true), "{inside}");
        }
    }
}
