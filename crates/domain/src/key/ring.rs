//! Which keys there are: the fold of what was decided about them, and the rules of the next decision.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{KeyHash, KeyReach, KeyScope, Rate};
use crate::event::{KeyCreated, KeyEvent, KeyRevoked, KeyRotated};
use crate::ids::TenantId;
use crate::time::Timestamp;

/// How many secrets of a key are kept. Older ones are unknown, instead of replaced.
pub const STORED_SECRETS: usize = 8;

/// The most names in each list of a key, so that the event of a key that is made fits a record.
const MAX_LISTED: usize = 50;

/// The longest name of a key, in bytes: it is shown as who read a report.
const MAX_NAME_BYTES: usize = 64;

/// All keys that were ever made.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    keys: BTreeMap<String, Arc<Key>>,
    /// The names of keys by the first half of a secret's hash.
    places: HashMap<[u8; 16], String>,
}

/// A key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<KeyScope>,
    /// About whose data, and in whose name.
    pub reach: KeyReach,
    /// From when on it is refused; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// How many requests it may send to each server; `None`: any number.
    pub rate: Option<Rate>,
    /// Who made it, and when that was recorded.
    pub created: (String, Timestamp),
    /// Who rotated it last, and when.
    pub rotated: Option<(String, Timestamp)>,
    /// Who revoked it, when, and why.
    pub revoked: Option<(String, Timestamp, Option<String>)>,
    /// The latest secret is last. Each but that one is accepted up to a time.
    secrets: Vec<(KeyHash, Option<Timestamp>)>,
}

/// A key that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<KeyScope>,
    /// About whose data, and in whose name.
    pub reach: KeyReach,
    /// From when on it is refused; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// How many requests it may send to each server; `None`: any number.
    pub rate: Option<Rate>,
}

/// Why a secret opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No key has it.
    Unknown,
    /// Its key was revoked.
    Revoked,
    /// Its key's time is over.
    Expired,
    /// Its key has another secret by now.
    Replaced,
}

/// Why nothing is decided about a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRejection {
    /// The name is not one.
    #[error("name `{0}`: must be 1 to 64 of A-Z a-z 0-9 - _ . @, beginning with a letter or digit")]
    Name(String),
    /// It is what opens the ledger, not what a key is called. It is not repeated: names are in answers and log lines.
    #[error(
        "name: this looks like the secret of a key, which belongs nowhere but in requests; name the key as `tollgate key list` does"
    )]
    Secret,
    /// The name belongs to a key, or did.
    #[error(
        "key `{0}`: there is a key of this name, or was one; a name is never given again, so that records of what it did stay true"
    )]
    Taken(String),
    /// There is none.
    #[error("key `{0}`: there is no such key; `tollgate key list` has all")]
    NoSuchKey(String),
    /// It opens nothing any more.
    #[error("key `{0}`: it is {1} and gets no other secret; make another key")]
    Ended(String, &'static str),
    /// It would do nothing.
    #[error("scopes: must name at least one")]
    NoScope,
    /// The first key must be able to make others.
    #[error("scopes: the first key must have `admin`, else nobody could make another one or revoke it")]
    FirstIsNotAdmin,
    /// Whoever may make keys may do everything.
    #[error(
        "scopes: `admin` can make keys of every kind, so a key that has it cannot be restricted to tenants, producers or components"
    )]
    AdminIsRestricted,
    /// A list has too many names, or one that no request can have.
    #[error("{field}: must be at most 50 names, each as requests may name it")]
    List {
        /// Which list.
        field: &'static str,
    },
    /// It would never be accepted.
    #[error("expires_at `{0}`: must be in the future")]
    IsOver(Timestamp),
    /// A rate that lets nothing through.
    #[error("rate: must be at least 1 request per second, and at least 1 at once")]
    NoRate,
}

impl KeyRing {
    /// Whether the API is closed to everybody without a key: from the first key on, whatever became of it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !self.keys.is_empty()
    }

    /// All keys, by name.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.values().map(|key| &**key)
    }

    /// The key of this name.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&Key> {
        self.keys.get(name).map(|key| &**key)
    }

    /// The key that a secret opens.
    ///
    /// # Errors
    ///
    /// Why it opens none.
    pub fn opened_by(&self, hash: &KeyHash, now: Timestamp) -> Result<&Arc<Key>, Refused> {
        let found = self.places.get(&hash.place()).and_then(|name| self.keys.get(name));
        let key = found.ok_or(Refused::Unknown)?;
        let secret = key.secrets.iter().find(|(own, _)| own == hash);
        let (_, until) = secret.ok_or(Refused::Unknown)?;
        if key.revoked.is_some() {
            return Err(Refused::Revoked);
        }
        if key.is_expired(now) {
            return Err(Refused::Expired);
        }
        if until.is_some_and(|until| now >= until) {
            return Err(Refused::Replaced);
        }
        Ok(key)
    }

    /// The event of a key that is made.
    ///
    /// # Errors
    ///
    /// [`KeyRejection`].
    pub fn create(
        &self,
        new: NewKey,
        hash: KeyHash,
        by: &str,
        now: Timestamp,
    ) -> Result<KeyCreated, KeyRejection> {
        let NewKey { name, mut scopes, reach, expires_at, rate } = new;
        if is_like_a_secret(&name) {
            return Err(KeyRejection::Secret);
        }
        if !is_name(&name) {
            return Err(KeyRejection::Name(name.chars().take(80).collect()));
        }
        if self.keys.contains_key(&name) {
            return Err(KeyRejection::Taken(name));
        }
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() {
            return Err(KeyRejection::NoScope);
        }
        if !scopes.contains(&KeyScope::Admin) && !self.is_closed() {
            return Err(KeyRejection::FirstIsNotAdmin);
        }
        check_reach(&scopes, &reach)?;
        if let Some(at) = expires_at.filter(|at| *at <= now) {
            return Err(KeyRejection::IsOver(at));
        }
        if rate.is_some_and(|rate| rate.per_second == 0 || rate.burst == 0) {
            return Err(KeyRejection::NoRate);
        }
        Ok(KeyCreated { key: name, hash, scopes, reach, expires_at, rate, by: by.to_owned() })
    }

    /// The event of a key that gets another secret. Those before it are accepted up to a time.
    ///
    /// # Errors
    ///
    /// [`KeyRejection`].
    pub fn rotate(
        &self,
        name: &str,
        hash: KeyHash,
        before_until: Timestamp,
        by: &str,
        now: Timestamp,
    ) -> Result<KeyRotated, KeyRejection> {
        let key = self.keys.get(name).ok_or_else(|| no_such_key(name))?;
        if key.revoked.is_some() {
            return Err(KeyRejection::Ended(name.to_owned(), "revoked"));
        }
        if key.is_expired(now) {
            return Err(KeyRejection::Ended(name.to_owned(), "expired"));
        }
        Ok(KeyRotated { key: name.to_owned(), hash, before_until, by: by.to_owned() })
    }

    /// The event of a key that is refused from now on; `None`: it is already.
    ///
    /// # Errors
    ///
    /// [`KeyRejection`].
    pub fn revoke(
        &self,
        name: &str,
        by: &str,
        reason: Option<&str>,
    ) -> Result<Option<KeyRevoked>, KeyRejection> {
        let key = self.keys.get(name).ok_or_else(|| no_such_key(name))?;
        let revoked =
            KeyRevoked { key: name.to_owned(), by: by.to_owned(), reason: reason.map(str::to_owned) };
        Ok(key.revoked.is_none().then_some(revoked))
    }

    /// Applies what was decided and recorded. What does not fit what was decided before changes nothing: a log that
    /// knows ids for a while only can have a decision twice.
    pub fn apply(&mut self, event: &KeyEvent, recorded_at: Timestamp) {
        match event {
            KeyEvent::KeyCreated(created) => self.created(created, recorded_at),
            KeyEvent::KeyRotated(rotated) => self.rotated(rotated, recorded_at),
            KeyEvent::KeyRevoked(revoked) => {
                if let Some(key) = self.keys.get_mut(&revoked.key).map(Arc::make_mut) {
                    let KeyRevoked { by, reason, .. } = revoked;
                    key.revoked.get_or_insert_with(|| (by.clone(), recorded_at, reason.clone()));
                }
            }
        }
    }

    fn created(&mut self, created: &KeyCreated, recorded_at: Timestamp) {
        if self.keys.contains_key(&created.key) || self.places.contains_key(&created.hash.place()) {
            return;
        }
        self.places.insert(created.hash.place(), created.key.clone());
        let key = Key {
            name: created.key.clone(),
            scopes: created.scopes.clone(),
            reach: created.reach.clone(),
            expires_at: created.expires_at,
            rate: created.rate,
            created: (created.by.clone(), recorded_at),
            rotated: None,
            revoked: None,
            secrets: vec![(created.hash, None)],
        };
        self.keys.insert(created.key.clone(), Arc::new(key));
    }

    fn rotated(&mut self, rotated: &KeyRotated, recorded_at: Timestamp) {
        let Some(key) = self.keys.get_mut(&rotated.key).map(Arc::make_mut) else { return };
        if self.places.contains_key(&rotated.hash.place()) {
            return;
        }
        for (_, until) in &mut key.secrets {
            // What was to end earlier still does.
            *until = Some(until.map_or(rotated.before_until, |until| until.min(rotated.before_until)));
        }
        key.secrets.push((rotated.hash, None));
        key.rotated = Some((rotated.by.clone(), recorded_at));
        self.places.insert(rotated.hash.place(), rotated.key.clone());
        if key.secrets.len() > STORED_SECRETS {
            let (oldest, _) = key.secrets.remove(0);
            self.places.remove(&oldest.place());
        }
    }
}

impl Key {
    /// A key without a secret, which allows nothing about nobody.
    #[must_use]
    pub fn of_nobody() -> Self {
        let nobody = || vec![String::new()];
        let reach = KeyReach { tenants: nobody(), producers: nobody(), components: nobody() };
        Self { reach, ..Self::default() }
    }

    /// The key that whoever has a token of an issuer is taken to have. No ledger made it, and it has no secret.
    ///
    /// # Errors
    ///
    /// What it is restricted to breaks a rule of keys.
    pub fn of_token(
        name: String,
        mut scopes: Vec<KeyScope>,
        reach: KeyReach,
        expires_at: Timestamp,
    ) -> Result<Self, KeyRejection> {
        scopes.sort_unstable();
        scopes.dedup();
        check_reach(&scopes, &reach)?;
        Ok(Self { name, scopes, reach, expires_at: Some(expires_at), ..Self::default() })
    }

    /// Whether it may do something: `admin` may do everything.
    #[must_use]
    pub fn allows(&self, scope: KeyScope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&KeyScope::Admin)
    }

    /// Whether its time is over.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| now >= at)
    }

    /// Up to when a secret before the latest one is accepted, if one still is.
    #[must_use]
    pub fn overlap_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.secrets.iter().filter_map(|(_, until)| *until).filter(|until| *until > now).max()
    }
}

/// Whether a text is a secret, or a mistyped one: no name begins like one and is nearly as long.
fn is_like_a_secret(name: &str) -> bool {
    name.starts_with("tg_") && name.len() > 24
}

fn no_such_key(name: &str) -> KeyRejection {
    if is_like_a_secret(name) { KeyRejection::Secret } else { KeyRejection::NoSuchKey(name.to_owned()) }
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    name.len() <= MAX_NAME_BYTES
        && name.bytes().all(plain)
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
}

fn check_reach(scopes: &[KeyScope], reach: &KeyReach) -> Result<(), KeyRejection> {
    if scopes.contains(&KeyScope::Admin) && !reach.is_everything() {
        return Err(KeyRejection::AdminIsRestricted);
    }
    let lists =
        [("tenants", &reach.tenants), ("producers", &reach.producers), ("components", &reach.components)];
    for (field, list) in lists {
        let fits = |name: &String| match field {
            "tenants" => TenantId::new(name.as_str()).is_ok(),
            _ => (1..=128).contains(&name.len()) && !name.contains(char::is_control),
        };
        if list.len() > MAX_LISTED || !list.iter().all(fits) {
            return Err(KeyRejection::List { field });
        }
    }
    Ok(())
}
