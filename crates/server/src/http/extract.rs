//! Reading requests: path names, query strings with every unknown parameter reported, and who is asking.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use tollgate_domain::nearest;

use super::access::Grant;
use super::proxies::ClientAddress;
use super::{Handled, Refusal};
use crate::problem::INVALID;

/// The parts of a path that are names.
pub(crate) struct Names<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Names<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(names)) => Ok(Self(names)),
            Err(rejection) => {
                Err(Refusal(INVALID.with(format!("the address cannot be read: {}", rejection.body_text()))))
            }
        }
    }
}

/// The parameters of a query.
pub(crate) struct Params<T>(pub(crate) T);

/// No parameters: anything in the query string is unknown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// For paths that take no parameters.
pub(crate) type NoParams = Params<Nothing>;

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(Refusal(
                INVALID.with(format!("invalid query string: {}", of_a_parameter(&rejection.body_text()))),
            )),
        }
    }
}

/// Extracts from the library's message which parameter it is and what is wrong with it.
fn of_a_parameter(said: &str) -> String {
    let said = said.strip_prefix("Failed to deserialize query string: ").unwrap_or(said);
    let Some((name, why)) = said.split_once(": ") else { return said.to_owned() };
    let Some((_, names)) = why.split_once(", expected ").filter(|_| why.starts_with("unknown field")) else {
        return match why {
            "invalid digit found in string" | "cannot parse integer from empty string" => {
                format!("parameter `{name}` must be a whole number, without a sign")
            }
            why => format!("parameter `{name}`: {why}"),
        };
    };
    let known: Vec<&str> = names.split('`').skip(1).step_by(2).collect();
    let hint = nearest::hint(name, &known);
    format!("there is no parameter `{name}`, only {}{hint}", known.join(", "))
}

/// The header in which a reader names itself.
pub(super) const READER: &str = "tollgate-reader";

/// Longest name of a reader, in bytes: it is a column in lists.
const MAX_READER_BYTES: usize = 128;

/// Who is asking, and from where.
pub(crate) struct Who {
    /// The name of the key; where no key is asked for, the reader's own word, or `anonymous` if it gives none.
    pub(crate) reader: String,
    /// The address of the machine that asks, or `local` for a process that is itself the ledger. Behind a proxy that is
    /// not trusted it is the proxy's: what that says about others could have been made up by anyone.
    pub(crate) address: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let address = parts.extensions.get::<ClientAddress>();
        let address = address.map_or_else(|| "local".to_owned(), |ClientAddress(from)| from.to_string());
        if let Some(key) = parts.extensions.get::<Grant>().and_then(Grant::name) {
            return Ok(Self { reader: key.to_owned(), address });
        }
        let Some(name) = parts.headers.get(READER) else {
            return Ok(Self { reader: "anonymous".to_owned(), address });
        };
        let name = std::str::from_utf8(name.as_bytes()).unwrap_or_default().trim();
        if name.is_empty() || name.len() > MAX_READER_BYTES || name.chars().any(char::is_control) {
            let rule = "must be 1 to 128 bytes of UTF-8 without control characters";
            return Err(INVALID.of_field(READER, name, rule).into());
        }
        Ok(Self { reader: name.to_owned(), address })
    }
}

/// One of a fixed set of words, if given.
pub(crate) fn word<T>(
    field: &str,
    text: Option<&str>,
    names: &[&str],
    read: impl Fn(&str) -> Option<T>,
) -> Handled<Option<T>> {
    let Some(text) = text else { return Ok(None) };
    let rule = || format!("must be one of {}{}", names.join(", "), nearest::hint(text, names));
    read(text).map(Some).ok_or_else(|| INVALID.of_field(field, text, &rule()).into())
}

#[cfg(test)]
mod tests {
    use super::of_a_parameter;

    #[test]
    fn a_parameter_is_named_with_what_is_wrong_in_plain_words() {
        for (said, expected) in [
            (
                "Failed to deserialize query string: limt: unknown field `limt`, expected one of `after`, `limit`",
                "there is no parameter `limt`, only after, limit; did you mean `limit`?",
            ),
            (
                "Failed to deserialize query string: x: unknown field `x`, expected `at_least`",
                "there is no parameter `x`, only at_least",
            ),
            (
                "Failed to deserialize query string: limit: invalid digit found in string",
                "parameter `limit` must be a whole number, without a sign",
            ),
            (
                "Failed to deserialize query string: stage: unknown variant `opn`, expected `open` or `closed`",
                "parameter `stage`: unknown variant `opn`, expected `open` or `closed`",
            ),
            ("something else", "something else"),
        ] {
            assert_eq!(of_a_parameter(said), expected, "{said}");
        }
    }
}
