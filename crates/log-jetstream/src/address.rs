//! The addresses of a server, and the client identity they contain. The library ignores a user in an address,
//! so it is removed and passed on like any other credentials; no address used from here on holds a secret.

use async_nats::ServerAddr;
use percent_encoding::percent_decode_str;

use crate::credentials::{Credentials, CredentialsError, Secret};

/// The addresses without the client's credentials.
pub(crate) struct Addresses {
    pub(crate) servers: Vec<ServerAddr>,
    /// The client's credentials from the addresses.
    pub(crate) credentials: Credentials,
}

/// Reads `nats://[USER:PASSWORD@|TOKEN@]HOST[:PORT]`, or several of them joined by commas. The user may be
/// given in one of them or in all, as long as it is the same.
pub(crate) fn read(addresses: &str) -> Result<Addresses, CredentialsError> {
    let mut read = Addresses { servers: Vec::new(), credentials: Credentials::None };
    for address in addresses.split(',').map(str::trim) {
        let server: ServerAddr = address.parse().map_err(|error: std::io::Error| {
            CredentialsError::Address { shown: without_user(address), reason: error.to_string() }
        })?;
        let mut url = server.into_inner();
        let found = of_user(url.username(), url.password())?;
        // Both fail only for an address without a host, which has no user either.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        read.servers.push(ServerAddr::from_url(url).map_err(|error| CredentialsError::Address {
            shown: without_user(address),
            reason: error.to_string(),
        })?);
        if found == Credentials::None || found == read.credentials {
            continue;
        }
        if read.credentials != Credentials::None {
            let why = "the addresses name different users; one client has one, name it once";
            return Err(CredentialsError::Ambiguous(why.to_owned()));
        }
        read.credentials = found;
    }
    Ok(read)
}

/// The address as shown in messages.
pub(crate) fn without_user(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => address.to_owned(),
    }
}

fn of_user(user: &str, password: Option<&str>) -> Result<Credentials, CredentialsError> {
    let plain = |part: &str| {
        percent_decode_str(part).decode_utf8().map(|text| text.into_owned()).map_err(|_| {
            CredentialsError::Ambiguous("the user in the address is not UTF-8 after its %-escapes".to_owned())
        })
    };
    Ok(match (user, password) {
        ("", None) => Credentials::None,
        (user, Some(password)) => {
            Credentials::Password { user: plain(user)?, password: Secret::Value(plain(password)?) }
        }
        // As other NATS clients read it.
        (token, None) => Credentials::Token(Secret::Value(plain(token)?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_the_client_is_may_stand_in_the_address() {
        let user = |user: &str, password: &str| Credentials::Password {
            user: user.to_owned(),
            password: Secret::Value(password.to_owned()),
        };
        let table = [
            ("nats://h:4222", Credentials::None),
            ("h:4222", Credentials::None),
            ("nats://u:secret@h", user("u", "secret")),
            ("u:secret@h", user("u", "secret")),
            ("tls://u:p%40ss%3Aw%2Frd%25@h:4222", user("u", "p@ss:w/rd%")),
            ("nats://u:p@ss@h", user("u", "p@ss")),
            ("nats://tok%20en@h", Credentials::Token(Secret::Value("tok en".to_owned()))),
            ("nats://u:secret@a, nats://b", user("u", "secret")),
            ("nats://u:secret@a,nats://u:secret@b", user("u", "secret")),
        ];
        for (address, expected) in table {
            let read = read(address).unwrap_or_else(|error| panic!("{address}: {error}"));
            assert!(read.credentials == expected, "{address}: {:?}", read.credentials);
            let shown = format!("{:?}", read.servers);
            assert!(!shown.contains("secret") && !shown.contains("tok"), "{shown}");
        }
        for (address, why) in [
            ("nats://u:secret@a,nats://v:secret@b", "different users"),
            ("nats://u:%ff@secret", "not UTF-8"),
            ("http://u:secret@a", "invalid scheme"),
        ] {
            let error = read(address).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(why) && !error.contains("secret@"), "{address}: {error}");
        }
    }
}
