//! What the address of a request may look like. It is parsed once; a spelling that two parsers could read
//! differently is refused, not repaired.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use crate::reach::{Reach, judge};

/// The longest address, in bytes.
const MAX_URL_BYTES: usize = 2048;

/// Ports that need no permit: those on which https is served.
const PORTS: [u16; 2] = [443, 8443];

/// What an operator permits for one endpoint, in addition to the usual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permits {
    /// `http://` as well: what is sent can be read and changed on the way.
    pub http: bool,
    /// Addresses of this machine and of private networks as well.
    pub private: bool,
    /// Ports in addition to 443 and 8443.
    pub ports: Vec<u16>,
}

/// Where a request goes, validated. It is displayed without its path and query, which may be secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    tls: bool,
    host: TargetHost,
    port: u16,
    authority: String,
    path: String,
    permits: Permits,
}

/// The machine that a target names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetHost {
    /// By name: it is resolved, and the result checked, at every attempt.
    Name(String),
    /// By address.
    Address(IpAddr),
}

/// An address that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct InvalidTarget {
    /// The part that is wrong, without anything that may be secret.
    pub shown: String,
    /// The rule it breaks.
    pub rule: String,
}

impl Target {
    /// Parses and checks an address.
    ///
    /// # Errors
    ///
    /// [`InvalidTarget`] with the rule that it breaks.
    pub fn parse(text: &str, permits: &Permits) -> Result<Self, InvalidTarget> {
        let shown = shown(text);
        let invalid = |rule: &str| InvalidTarget { shown: shown.clone(), rule: rule.to_owned() };
        let refuse = |rule: &str| Err(invalid(rule));
        if text.len() > MAX_URL_BYTES {
            return refuse("must be at most 2048 bytes");
        }
        // Parsers of addresses drop, convert or decode these, each in its own way.
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains(['\\', '"', '<', '>', '`']) {
            return refuse(
                "must be ASCII without spaces, control characters, quotes and backslashes: write a name in another script as `xn--…`",
            );
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let tls = match scheme {
            "https" => true,
            "http" if permits.http => false,
            "http" => return refuse("must begin with https://, or the endpoint must say `allow_http: true`"),
            _ => return refuse("must begin with https://"),
        };
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        if authority.contains('@') {
            return refuse("must hold no user or password: the signature is what a receiver checks");
        }
        if text.contains('#') {
            return refuse("must have no fragment (`#…`): it is never sent");
        }
        let Ok(url) = Url::parse(text) else {
            return refuse("must be an address, for example https://example.org/hook");
        };
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return refuse("must name a host");
        };
        let written = authority.to_ascii_lowercase();
        let plain = host.to_string();
        // `0x7f.1`, `2130706433`, `%31.example.org`, `[::ffff:1.2.3.4]`: what was parsed is not what was
        // written.
        if written != plain && written != format!("{plain}:{port}") {
            return refuse(&format!("must name the host plainly, as `{plain}`, and the port without zeros"));
        }
        let host = match host {
            Host::Domain(name) => TargetHost::Name(checked_name(name).map_err(invalid)?),
            Host::Ipv4(address) => TargetHost::Address(address.into()),
            Host::Ipv6(address) => TargetHost::Address(address.into()),
        };
        if !PORTS.contains(&port) && !permits.ports.contains(&port) {
            return refuse(&format!(
                "port {port} must be 443, 8443 or one that the endpoint's `ports` names"
            ));
        }
        if let TargetHost::Address(address) = host {
            judge(address, permits.private).map_err(|forbidden| invalid(&forbidden.to_string()))?;
        }
        let default = if tls { 443 } else { 80 };
        let authority = if port == default { plain } else { format!("{plain}:{port}") };
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Ok(Self { tls, host, port, authority, path, permits: permits.clone() })
    }

    /// Whether it is reached through TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The machine it names.
    #[must_use]
    pub fn host(&self) -> &TargetHost {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The value of the header `host`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// How far its addresses may reach.
    #[must_use]
    pub fn reach(&self) -> Reach {
        if self.permits.private { Reach::Private } else { Reach::Public }
    }

    /// Path and query. Do not show them: they may be secret.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Scheme, host and port; nothing of the path.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.authority)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self}/***)")
    }
}

/// A name that resolvers accept, and that no resolver takes for an address.
fn checked_name(name: &str) -> Result<String, &'static str> {
    if name.ends_with('.') {
        return Err("the host must not end with a full stop");
    }
    let label = |label: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(letter)
    };
    if name.len() > 253 || !name.split('.').all(label) {
        return Err(
            "the host must be labels of 1 to 63 of a-z 0-9 - _ between full stops, at most 253 in all",
        );
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        return Err("the host must be a name or an address, not something between");
    }
    Ok(name.to_owned())
}

/// Scheme and host of the given text, as far as they can be recognized, without user, password or path.
fn shown(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find(['/', '?', '#', '\\']).map_or(text.len(), |at| start + at);
    let host = text[start..end].rsplit('@').next().unwrap_or_default();
    let shown: String = text[..start].chars().chain(host.chars()).take(80).collect();
    shown.escape_debug().to_string()
}

#[cfg(test)]
mod tests;
