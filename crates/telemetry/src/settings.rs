//! Where metrics go: the environment variables that OpenTelemetry defines.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use tollgate_outbound::target::{Permits, Target};
use tollgate_outbound::tls::Trust;

/// Default number of milliseconds between two exports, from the specification.
const INTERVAL_MS: u64 = 60_000;
/// Default number of milliseconds that a collector may take, from the specification.
const TIMEOUT_MS: u64 = 10_000;
/// Milliseconds before the first retry; each further one waits twice as long.
const BACKOFF_MS: u64 = 1000;

/// The encoding of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `http/protobuf`.
    Protobuf,
    /// `http/json`.
    Json,
}

/// Where metrics go, and how often.
#[derive(Clone)]
pub struct TelemetrySettings {
    pub(super) target: Target,
    pub(super) trust: Trust,
    pub(super) protocol: Protocol,
    pub(super) headers: Vec<(String, String)>,
    pub(super) resource: Vec<(String, String)>,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) backoff: Duration,
}

/// Shows only the target: headers may contain keys.
impl fmt::Debug for TelemetrySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelemetrySettings").field("target", &self.target).finish_non_exhaustive()
    }
}

/// A variable that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {rule}")]
pub struct InvalidVariable {
    /// Which one. Its value may be secret.
    pub variable: &'static str,
    /// The rule that it breaks.
    pub rule: String,
}

impl TelemetrySettings {
    /// Reads the environment. `None` if metrics should not be exported, because no endpoint is named or
    /// exporting is switched off.
    ///
    /// # Errors
    ///
    /// [`InvalidVariable`] for the first one that cannot be used.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, InvalidVariable> {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        // Of the two names, the one specific to metrics takes precedence.
        let either = |own: &'static str, all: &'static str| {
            get(own).map(|value| (own, value)).or_else(|| get(all).map(|value| (all, value)))
        };
        let off = get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || get("OTEL_METRICS_EXPORTER").is_some_and(|value| value == "none");
        let endpoint = either("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT");
        let Some((name, address)) = endpoint.filter(|_| !off) else { return Ok(None) };
        let address = if name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
            format!("{}/v1/metrics", address.trim_end_matches('/'))
        } else {
            address
        };
        let target = target(name, &address)?;
        let protocol = either("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL");
        let protocol = match protocol {
            None => Protocol::Protobuf,
            Some((name, word)) => match word.as_str() {
                "http/protobuf" => Protocol::Protobuf,
                "http/json" => Protocol::Json,
                other => {
                    let rule = format!("`{other}`: must be http/protobuf or http/json");
                    return Err(InvalidVariable { variable: name, rule });
                }
            },
        };
        let headers = either("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS");
        let headers = headers.map_or(Ok(Vec::new()), |(name, text)| pairs(name, &text))?;
        for (header, value) in &headers {
            if http::HeaderName::try_from(header).is_err() || http::HeaderValue::try_from(value).is_err() {
                let rule = "holds a name or a value that is no HTTP header".to_owned();
                return Err(InvalidVariable { variable: "OTEL_EXPORTER_OTLP_HEADERS", rule });
            }
        }
        let mut resource = match get("OTEL_RESOURCE_ATTRIBUTES") {
            Some(text) => pairs("OTEL_RESOURCE_ATTRIBUTES", &text)?,
            None => Vec::new(),
        };
        let service = get("OTEL_SERVICE_NAME");
        if service.is_some() || !resource.iter().any(|(name, _)| name == "service.name") {
            resource.retain(|(name, _)| name != "service.name");
            let service = service.unwrap_or_else(|| "tollgate".to_owned());
            resource.insert(0, ("service.name".to_owned(), service));
        }
        let ca = either("OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE");
        let trust = ca.map_or(Trust::System, |(_, path)| Trust::File(PathBuf::from(path)));
        let ms = |given: Option<(&'static str, String)>, otherwise| millis(given, otherwise);
        let interval = get("OTEL_METRIC_EXPORT_INTERVAL").map(|value| ("OTEL_METRIC_EXPORT_INTERVAL", value));
        let backoff = get("TOLLGATE_OTLP_BACKOFF_MS").map(|value| ("TOLLGATE_OTLP_BACKOFF_MS", value));
        let timeout = either("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT");
        Ok(Some(Self {
            target,
            trust,
            protocol,
            headers,
            resource,
            interval: ms(interval, INTERVAL_MS)?,
            timeout: ms(timeout, TIMEOUT_MS)?,
            backoff: ms(backoff, BACKOFF_MS)?,
        }))
    }
}

/// The operator names the collector: it may be anywhere, on any port.
fn target(variable: &'static str, address: &str) -> Result<Target, InvalidVariable> {
    let port = Url::parse(address).ok().and_then(|url| url.port_or_known_default());
    let permits = Permits { http: true, private: true, ports: port.into_iter().collect() };
    Target::parse(address, &permits)
        .map_err(|error| InvalidVariable { variable, rule: format!("`{}`: {error}", error.shown) })
}

fn millis(given: Option<(&'static str, String)>, otherwise: u64) -> Result<Duration, InvalidVariable> {
    let Some((variable, text)) = given else { return Ok(Duration::from_millis(otherwise)) };
    match text.parse() {
        Ok(ms @ 1..=86_400_000) => Ok(Duration::from_millis(ms)),
        _ => {
            let rule = format!("`{text}`: must be a whole number of milliseconds from 1 to 86400000");
            Err(InvalidVariable { variable, rule })
        }
    }
}

/// `a=1,b=2`, names and values percent-encoded.
fn pairs(variable: &'static str, text: &str) -> Result<Vec<(String, String)>, InvalidVariable> {
    let invalid = || InvalidVariable { variable, rule: "must be NAME=VALUE,NAME=VALUE".to_owned() };
    let mut pairs = Vec::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(invalid)?;
        let name = decoded(name.trim()).filter(|name| !name.is_empty()).ok_or_else(invalid)?;
        pairs.push((name, decoded(value.trim()).ok_or_else(invalid)?));
    }
    Ok(pairs)
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        if *first == b'%' {
            let hex = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<TelemetrySettings>, InvalidVariable> {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name);
        TelemetrySettings::read(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    const HERE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318/");

    #[test]
    fn nothing_is_exported_unless_an_endpoint_is_named() {
        for variables in [
            &[][..],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
            &[HERE, ("OTEL_SDK_DISABLED", "True")],
            &[HERE, ("OTEL_METRICS_EXPORTER", "none")],
        ] {
            assert!(read(variables).unwrap().is_none(), "{variables:?}");
        }
    }

    #[test]
    fn defaults_and_what_comes_first() {
        let found = read(&[HERE]).unwrap().unwrap();
        assert_eq!((found.target.path(), found.protocol), ("/v1/metrics", Protocol::Protobuf));
        let seconds = [found.interval, found.timeout, found.backoff].map(|time| time.as_secs());
        assert_eq!(seconds, [60, 10, 1]);
        assert_eq!(found.resource, [("service.name".to_owned(), "tollgate".to_owned())]);
        let found = read(&[
            HERE,
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https://collector.example.org:9999/own"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x, a=b"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment=test%2C1"),
            ("OTEL_SERVICE_NAME", "ledger"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
        ]);
        let found = found.unwrap().unwrap();
        assert_eq!(
            (found.target.path(), found.target.port(), found.protocol),
            ("/own", 9999, Protocol::Json)
        );
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(found.headers, [pair("authorization", "Bearer x"), pair("a", "b")]);
        let resource = [pair("service.name", "ledger"), pair("deployment.environment", "test,1")];
        assert_eq!((found.resource, found.interval), (resource.to_vec(), Duration::from_secs(5)));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (name, value, told) in [
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "collector", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `"),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://u:secret@c/", "must hold no user or password"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "must be http/protobuf or http/json"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "0", "from 1 to 86400000"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon", "from 1 to 86400000"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret", "must be NAME=VALUE"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=%0a", "no HTTP header"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=%zz", "must be NAME=VALUE"),
        ] {
            let error = read(&[HERE, (name, value)]).unwrap_err().to_string();
            assert!(error.contains(told) && !error.contains("secret"), "{error}");
        }
    }
}
