//! Tokens of an issuer, beside keys: JSON Web Tokens that somebody else signs, whose public keys are known here. A
//! token stands for a key that was never made: what it allows is judged by the same rules.

mod allows;
mod config;
mod jwks;
mod source;
mod token;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as TurnLock;
use tollgate_clock::sleep;
use tollgate_domain::key::Key;
use tollgate_domain::time::Timestamp;
use tollgate_domain::yaml::InvalidConfig;
use tollgate_wire::api::HealthCheck;

pub(crate) use self::allows::called;
pub use self::config::{Claims, Jwks, JwtConfig};
pub use self::jwks::Algorithm;
use self::jwks::KeySet;
use self::source::Source;
pub(crate) use self::token::is_token;
use self::token::{Token, shown};
use crate::problem::{Answer, NO_ISSUER_KEYS, UNAUTHENTICATED};

/// The name of the check in the health answer.
const CHECK: &str = "jwt";

/// How often keys are looked at again because a token names one that is not there, at most.
const UNKNOWN_EVERY_MS: u64 = 30_000;

/// How long after a failure the keys are fetched again.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// Whose tokens are taken, with the keys that are in force.
pub struct Jwt {
    file: PathBuf,
    config: JwtConfig,
    source: Source,
    state: Mutex<State>,
    /// One look at a time: all who wait have its result.
    looks: TurnLock<()>,
}

#[derive(Default)]
struct State {
    /// `None`: there were none yet.
    keys: Option<Arc<KeySet>>,
    /// Why the last look changed nothing.
    problem: Option<String>,
    /// When a token last had the keys looked at.
    asked: Option<Timestamp>,
    /// How many looks ended.
    looks: u64,
}

/// Why no tokens can be taken.
#[derive(Debug, thiserror::Error)]
pub enum JwtError {
    /// The file, or one that it names, cannot be read.
    #[error("tokens (--jwt) {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's message.
        reason: String,
    },
    /// Its content breaks rules.
    #[error("tokens (--jwt) {}: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All problems.
        reason: InvalidConfig,
    },
    /// The keys that it names cannot be used.
    #[error("tokens (--jwt) {}: jwks: {reason}", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// Which, and why.
        reason: String,
    },
}

impl Jwt {
    /// Reads the file, and the keys of the issuer. Keys in a file have to be there; an address may not answer yet: then
    /// tokens are refused until it does, health says so, and keys of this ledger open it nevertheless.
    ///
    /// # Errors
    ///
    /// [`JwtError`].
    pub async fn open(file: &Path) -> Result<Arc<Self>, JwtError> {
        let path = file.to_owned();
        let text = tollgate_files::read_settings(file)
            .map_err(|error| JwtError::Unreadable { path: path.clone(), reason: error.to_string() })?;
        let config = JwtConfig::from_yaml(&text, file.parent().unwrap_or(Path::new("")))
            .map_err(|reason| JwtError::Invalid { path: path.clone(), reason })?;
        let source =
            Source::open(&config.jwks).map_err(|reason| JwtError::Keys { path: path.clone(), reason })?;
        let (state, looks) = (Mutex::default(), TurnLock::default());
        let jwt = Arc::new(Self { file: path.clone(), config, source, state, looks });
        jwt.look().await;
        let problem = jwt.with(|state| state.problem.clone());
        match problem {
            Some(reason) if jwt.source.is_file() => Err(JwtError::Keys { path, reason }),
            _ => Ok(jwt),
        }
    }

    /// The same, if a file is named.
    ///
    /// # Errors
    ///
    /// [`JwtError`].
    pub(crate) async fn open_any(file: Option<&Path>) -> Result<Option<Arc<Self>>, JwtError> {
        match file {
            Some(file) => Self::open(file).await.map(Some),
            None => Ok(None),
        }
    }

    /// The key that a token stands for: its name is `jwt:` and the subject.
    ///
    /// # Errors
    ///
    /// The problem to answer with: which rule it breaks, and never the token.
    pub(crate) async fn key(self: &Arc<Self>, text: &str, now: Timestamp) -> Answer<Key> {
        let refused = |reason: String| UNAUTHENTICATED.with(format!("the token is refused: {reason}"));
        let token = Token::read(text, &self.config).map_err(refused)?;
        let find = |keys: &KeySet| keys.find(token.kid.as_deref(), token.algorithm).cloned();
        let mut keys = self.keys();
        let mut key = keys.as_deref().and_then(find);
        if key.is_none() && self.may_look(now) {
            let this = Arc::clone(self);
            // Whoever asked may go away; the next one has the result nevertheless.
            let _ = tokio::spawn(async move { this.look().await }).await;
            keys = self.keys();
            key = keys.as_deref().and_then(find);
        }
        if keys.is_none() {
            let problem = self.with(|state| state.problem.clone()).unwrap_or_default();
            return Err(NO_ISSUER_KEYS.with(format!("tokens cannot be checked: {problem}")));
        }
        let key = key.ok_or_else(|| refused(self.no_key(&token)))?;
        let said = token.said(&key, &self.config, now).map_err(refused)?;
        allows::key_of(&said, &self.config.claims).map_err(refused)
    }

    fn no_key(&self, token: &Token<'_>) -> String {
        let algorithm = token.algorithm.as_str();
        match &token.kid {
            Some(kid) => format!(
                "unknown kid `{}`: issuer `{}` has no key of this name for {algorithm}",
                shown(kid),
                self.config.issuer
            ),
            None => format!("it names no key (kid), and the issuer has not exactly one for {algorithm}"),
        }
    }

    /// Looks at the keys again and again. Never ends.
    pub(crate) async fn follow(&self) {
        loop {
            let is_well = self.with(|state| state.problem.is_none());
            sleep(if is_well { self.source.every() } else { RETRY_AFTER.min(self.source.every()) }).await;
            self.look().await;
        }
    }

    /// Looks at the keys again. If they cannot be used, those before stay in force, health says so, and so does the
    /// log, once.
    pub(crate) async fn look(&self) {
        let before = self.with(|state| state.looks);
        let _turn = self.looks.lock().await;
        if self.with(|state| state.looks) > before.saturating_add(1) {
            // One that began after this call has ended.
            return;
        }
        let read = self.source.read().await.and_then(|text| KeySet::parse(&text));
        self.with(|state| {
            state.looks = state.looks.saturating_add(1);
            match read {
                Ok(keys) => {
                    state.keys = Some(Arc::new(keys));
                    state.problem = None;
                }
                Err(reason) => {
                    let problem =
                        format!("the keys of issuer `{}`, {}: {reason}", self.config.issuer, self.source);
                    if state.problem.as_ref() != Some(&problem) {
                        tracing::warn!(problem, "the keys that tokens are checked with stay those before");
                    }
                    state.problem = Some(problem);
                }
            }
        });
    }

    /// For the health answer.
    pub(crate) fn check(&self) -> HealthCheck {
        let (keys, problem) = self.with(|state| (state.keys.clone(), state.problem.clone()));
        let known = keys.map_or(0, |keys| keys.len());
        let ok = problem.is_none();
        let detail = match problem {
            None => format!("{known} keys of issuer `{}`, {}", self.config.issuer, self.source),
            Some(problem) if known == 0 => format!("{problem}; no token is accepted until they are there"),
            Some(problem) => format!("{problem}; {known} keys from before stay in force"),
        };
        HealthCheck { name: CHECK.to_owned(), ok, detail }
    }

    /// The file that says whose tokens are taken.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Whether keys may be looked at for a token, which takes the turn.
    fn may_look(&self, now: Timestamp) -> bool {
        self.with(|state| {
            // A clock that was set back must not wait for where it was.
            let is_due =
                state.asked.is_none_or(|asked| now.millis_since(asked).unsigned_abs() >= UNKNOWN_EVERY_MS);
            if is_due {
                state.asked = Some(now);
            }
            is_due
        })
    }

    fn keys(&self) -> Option<Arc<KeySet>> {
        self.with(|state| state.keys.clone())
    }

    fn with<T>(&self, what: impl FnOnce(&mut State) -> T) -> T {
        // Every change is an assignment: a panic leaves nothing half done.
        what(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
