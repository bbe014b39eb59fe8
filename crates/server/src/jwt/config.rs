//! The file that says whose tokens are taken: `jwt.yaml`, checked as a whole before anything is done.

use std::path::{Path, PathBuf};

use tollgate_domain::yaml::InvalidConfig;
use tollgate_domain::yaml::fields::{Fields, Section};
use tollgate_domain::yaml::tree::{self, Node};
use tollgate_outbound::{Permits, Target, Trust};

use super::jwks::Algorithm;

const KEYS: [&str; 11] = [
    "issuer",
    "audience",
    "jwks",
    "algorithms",
    "leeway_s",
    "claim",
    "claims",
    "ca_file",
    "allow_http",
    "allow_private",
    "ports",
];

/// Keys that only keys fetched from an address have.
const ADDRESS_KEYS: [&str; 4] = ["ca_file", "allow_http", "allow_private", "ports"];

/// Claims that mean something else already.
const TAKEN: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "sub", "jti"];

/// How far the clocks of issuer and server may differ by default, and the most that the file may allow, in seconds.
const LEEWAY_S: u64 = 30;
const MAX_LEEWAY_S: u64 = 300;

/// The longest issuer, audience, or name of a claim, in bytes.
const MAX_TEXT_BYTES: usize = 2048;

/// Whose tokens are taken, and how what they allow is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtConfig {
    /// The claim `iss` of every token.
    pub issuer: String,
    /// What has to be in the claim `aud`.
    pub audience: String,
    /// Where the issuer's public keys are.
    pub jwks: Jwks,
    /// The signatures that are taken, at least one.
    pub algorithms: Vec<Algorithm>,
    /// How far the clocks of issuer and server may differ, in seconds.
    pub leeway_s: u64,
    /// Which claims say what a token allows.
    pub claims: Claims,
}

/// Where the public keys of an issuer are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Jwks {
    /// In a file.
    File(PathBuf),
    /// At an address.
    Address {
        /// Which.
        target: Box<Target>,
        /// Whose certificates are trusted there.
        trust: Trust,
    },
}

/// Which claims say what a token allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claims {
    /// One with the fields of a key.
    One(String),
    /// One for each field.
    Each {
        /// Words of which those that begin with `tollgate:` are scopes.
        scopes: String,
        /// Names of tenants; `None`: tokens are about all.
        tenants: Option<String>,
        /// Names of producers.
        producers: Option<String>,
        /// Names of components.
        components: Option<String>,
    },
}

impl JwtConfig {
    /// Parses the text of a file. Paths in it are relative to `dir`, the directory of the file.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] with everything that is wrong, each with line, field, value and rule.
    pub fn from_yaml(text: &str, dir: &Path) -> Result<Self, InvalidConfig> {
        let root = tree::file(text, &KEYS).map_err(InvalidConfig::whole_file)?;
        let mut fields = Fields::default();
        let top = fields.section("", &root, &KEYS);
        let issuer = required(&mut fields, &top, "issuer", "must be the claim `iss` of the tokens");
        let audience =
            required(&mut fields, &top, "audience", "must be the word for this ledger in the claim `aud`");
        let jwks = jwks(&mut fields, &top, dir);
        let algorithms = algorithms(&mut fields, &top);
        let leeway = top.get("leeway_s").and_then(|(field, node)| fields.whole(&field, node, MAX_LEEWAY_S));
        let claims = claims(&mut fields, &top);
        if let (Some(issuer), Some(audience), Some(jwks), Some(claims), []) =
            (issuer, audience, jwks, claims, fields.problems.as_slice())
        {
            return Ok(Self {
                issuer,
                audience,
                jwks,
                algorithms,
                leeway_s: leeway.unwrap_or(LEEWAY_S),
                claims,
            });
        }
        Err(InvalidConfig { problems: fields.problems }.placed_in(text))
    }
}

fn required(fields: &mut Fields, top: &Section<'_>, key: &str, rule: &str) -> Option<String> {
    match top.get(key) {
        Some((field, node)) => text(fields, &field, node),
        None => {
            fields.problem(key, "", rule);
            None
        }
    }
}

fn jwks(fields: &mut Fields, top: &Section<'_>, dir: &Path) -> Option<Jwks> {
    let Some((field, node)) = top.get("jwks") else {
        let rule = "must name the issuer's public keys: a file (a JSON Web Key Set), or an https address";
        fields.problem("jwks", "", rule);
        return None;
    };
    let written = text(fields, &field, node)?;
    if !written.contains("://") {
        for key in ADDRESS_KEYS {
            if let Some((field, node)) = top.get(key) {
                fields.problem(&field, &node.shown(), "is only allowed where `jwks` is an address");
            }
        }
        return Some(Jwks::File(dir.join(written)));
    }
    let permits = Permits {
        http: flag(fields, top, "allow_http"),
        private: flag(fields, top, "allow_private"),
        ports: ports(fields, top),
    };
    let trust = match top.get("ca_file") {
        None => Trust::System,
        Some((field, node)) => Trust::File(dir.join(text(fields, &field, node)?)),
    };
    match Target::parse(&written, &permits) {
        Ok(target) => Some(Jwks::Address { target: Box::new(target), trust }),
        Err(error) => {
            fields.problem(&field, &error.shown, error.rule);
            None
        }
    }
}

fn algorithms(fields: &mut Fields, top: &Section<'_>) -> Vec<Algorithm> {
    let Some((field, node)) = top.get("algorithms") else { return Algorithm::ALL.to_vec() };
    if matches!(node, Node::List(items) if items.is_empty()) {
        fields.problem(&field, "[]", "must name at least one; leave it out for all");
    }
    let items = fields.list(&field, node);
    items
        .iter()
        .filter_map(|item| fields.word(&field, item, &Algorithm::NAMES, Algorithm::from_word))
        .collect()
}

fn claims(fields: &mut Fields, top: &Section<'_>) -> Option<Claims> {
    let one = top.get("claim");
    let Some((field, node)) = top.get("claims") else {
        return match one {
            None => Some(Claims::One("tollgate".to_owned())),
            Some((field, node)) => claim(fields, &field, node).map(Claims::One),
        };
    };
    if one.is_some() {
        fields.problem("claim", "", "cannot be combined with `claims`");
    }
    let section = fields.section(&field, node, &["scopes", "tenants", "producers", "components"]);
    let mut named = |key: &str| section.get(key).map(|(field, node)| claim(fields, &field, node));
    let (scopes, tenants, producers, components) =
        (named("scopes"), named("tenants"), named("producers"), named("components"));
    let Some(scopes) = scopes else {
        fields.problem(
            &format!("{field}.scopes"),
            "",
            "must name the claim that gives scopes, such as `scope`",
        );
        return None;
    };
    // A claim that cannot be read is a problem already.
    Some(Claims::Each {
        scopes: scopes?,
        tenants: tenants.flatten(),
        producers: producers.flatten(),
        components: components.flatten(),
    })
}

fn claim(fields: &mut Fields, field: &str, node: &Node) -> Option<String> {
    let name = text(fields, field, node)?;
    if TAKEN.contains(&name.as_str()) {
        fields.problem(field, &name, "is a claim that means something else already");
        return None;
    }
    Some(name)
}

fn ports(fields: &mut Fields, top: &Section<'_>) -> Vec<u16> {
    let Some((field, node)) = top.get("ports") else { return Vec::new() };
    let items = fields.list(&field, node);
    let port =
        |item| fields.positive(&field, item, u64::from(u16::MAX)).and_then(|port| u16::try_from(port).ok());
    items.iter().filter_map(port).collect()
}

fn flag(fields: &mut Fields, top: &Section<'_>, key: &str) -> bool {
    top.get(key).and_then(|(field, node)| fields.boolean(&field, node)).unwrap_or(false)
}

fn text(fields: &mut Fields, field: &str, node: &Node) -> Option<String> {
    let Node::Text(text) = node else {
        fields.wrong_type(field, node, "text");
        return None;
    };
    if text.trim().is_empty() || text.len() > MAX_TEXT_BYTES || text.contains(char::is_control) {
        fields.problem(field, &node.shown(), "must be 1 to 2048 bytes on one line");
        return None;
    }
    Some(text.clone())
}
