//! From where a request comes, where proxies that are trusted say so.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;

/// The header in which each proxy adds from where it got the request.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies whose word is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<Network>);

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an address such as 10.0.0.7, or a network such as 10.0.0.0/8")]
pub struct InvalidNetwork;

/// The machine that a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClientAddress(pub(super) IpAddr);

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| InvalidNetwork)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork)?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(all);
        if bits > all {
            return Err(InvalidNetwork);
        }
        Ok(Self { address, bits })
    }
}

impl Network {
    fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let left = 32_u32.saturating_sub(self.bits.into());
                (u32::from(own) ^ u32::from(other)).checked_shr(left).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let left = 128_u32.saturating_sub(self.bits.into());
                (u128::from(own) ^ u128::from(other)).checked_shr(left).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl Proxies {
    /// These.
    #[must_use]
    pub const fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.holds(address))
    }

    /// The machine that a request comes from: the one that is connected or, if that is a trusted proxy, the one that
    /// the proxies name. Each of them adds to the end of the list, so the last address that is no trusted proxy's is
    /// it; what stands before was written by whoever sent the request.
    fn client(&self, connected: IpAddr, forwarded: &str) -> IpAddr {
        let mut client = connected;
        let mut said = forwarded.rsplit(',').map(str::trim);
        while self.trusts(client) {
            let Some(before) = said.next().and_then(|text| text.parse::<IpAddr>().ok()) else { break };
            client = before.to_canonical();
        }
        client
    }

    /// The machine that a request comes from; `None`: it came over no connection.
    pub(super) fn client_of(&self, request: &Parts) -> Option<ClientAddress> {
        let ConnectInfo(connected) = request.extensions.get::<ConnectInfo<SocketAddr>>()?;
        let said =
            request.headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or_default());
        let said: Vec<&str> = said.collect();
        Some(ClientAddress(self.client(connected.ip().to_canonical(), &said.join(","))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(networks: &[&str]) -> Proxies {
        Proxies::new(networks.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn only_trusted_proxies_say_where_a_request_comes_from() {
        let trusted: &[&str] = &["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"];
        for (networks, connected, forwarded, client) in [
            (&[][..], "10.0.0.1", "203.0.113.9", "10.0.0.1"),
            (trusted, "203.0.113.5", "203.0.113.9", "203.0.113.5"),
            (trusted, "10.0.0.1", "203.0.113.9", "203.0.113.9"),
            (trusted, "10.0.0.1", "", "10.0.0.1"),
            (trusted, "10.0.0.1", "198.51.100.7, 203.0.113.9", "203.0.113.9"),
            (trusted, "10.0.0.1", "203.0.113.9, 10.9.9.9", "203.0.113.9"),
            (trusted, "10.0.0.1", "203.0.113.9,192.0.2.1", "203.0.113.9"),
            (trusted, "10.0.0.1", "203.0.113.9, unknown", "10.0.0.1"),
            (trusted, "10.0.0.1", "unknown, 203.0.113.9", "203.0.113.9"),
            (trusted, "2001:db8::1", "203.0.113.9", "203.0.113.9"),
            (trusted, "2001:db9::1", "203.0.113.9", "2001:db9::1"),
            (trusted, "10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
            (&["0.0.0.0/0"], "203.0.113.5", "198.51.100.7", "198.51.100.7"),
        ] {
            let found = proxies(networks).client(connected.parse().unwrap(), forwarded);
            assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{connected} {forwarded}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "proxy", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "::/129", "10.0.0.0/"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
