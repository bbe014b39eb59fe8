//! Deciding about keys: made, rotated, revoked.

use std::fs::File;
use std::io::Read as _;

use tollgate_domain::event::{EventBody, KeyEvent};
use tollgate_domain::ids::{KEYS_TASK, TaskId, TenantId};
use tollgate_domain::key::{Key, KeyRejection, KeyRing, KeySecret, NewKey, SECRET_BYTES};
use tollgate_domain::position::Position;
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::{AppendError, AppendOutcome, Expected};

use super::Keys;
use super::follow::{decision_id, partition};
use crate::ledger::own::{batch_of, own};
use crate::problem::{
    Answer, CONTENDED, INTERNAL, INVALID, KEY_ENDED, KEY_TAKEN, KEY_UNKNOWN, of_append, of_field,
};

/// How often a decision is made anew because another one came first.
const TRIES: usize = 16;

/// A key after a decision about it.
#[derive(Clone, Debug)]
pub struct Made {
    /// The key.
    pub key: Key,
    /// Its new secret, if it got one. It is nowhere else.
    pub secret: Option<KeySecret>,
    /// Whether the decision is new.
    pub is_new: bool,
    /// The end of the log's partition of keys: the decision is there.
    pub position: String,
}

/// Who decides, and when.
#[derive(Clone, Copy, Debug)]
pub struct MadeBy<'a> {
    /// Their name.
    pub by: &'a str,
    /// By the server's clock.
    pub now: Timestamp,
}

impl Keys {
    /// Makes a key. It is durable on return, and every server knows it from its next answer on.
    ///
    /// # Errors
    ///
    /// The problem to answer with. After `unknown_outcome` the key may be there, with a secret that nobody knows:
    /// revoke it.
    pub async fn create(&self, new: NewKey, who: MadeBy<'_>) -> Answer<Made> {
        let (secret, name) = (new_secret()?, new.name.clone());
        let decide = |ring: &KeyRing| {
            let created = ring.create(new.clone(), secret.hash(), who.by, who.now)?;
            Ok(Some(KeyEvent::from(created)))
        };
        let (is_new, position) = self.decide(&name, who.now, decide).await?;
        self.made(&name, Some(secret), is_new, position)
    }

    /// Gives a key another secret. Those before it are accepted until `before_until`.
    ///
    /// # Errors
    ///
    /// As for [`Self::create`].
    pub async fn rotate(&self, name: &str, before_until: Timestamp, who: MadeBy<'_>) -> Answer<Made> {
        let secret = new_secret()?;
        let decide = |ring: &KeyRing| {
            let rotated = ring.rotate(name, secret.hash(), before_until, who.by, who.now)?;
            Ok(Some(KeyEvent::from(rotated)))
        };
        let (is_new, position) = self.decide(name, who.now, decide).await?;
        self.made(name, Some(secret), is_new, position)
    }

    /// Revokes a key. When this returns, no server that can reach the log lets it in again.
    ///
    /// # Errors
    ///
    /// As for [`Self::create`]; after `unknown_outcome`, revoke again.
    pub async fn revoke(&self, name: &str, reason: Option<&str>, who: MadeBy<'_>) -> Answer<Made> {
        let decide = |ring: &KeyRing| Ok(ring.revoke(name, who.by, reason)?.map(KeyEvent::from));
        let (is_new, position) = self.decide(name, who.now, decide).await?;
        self.made(name, None, is_new, position)
    }

    fn made(&self, name: &str, secret: Option<KeySecret>, is_new: bool, position: String) -> Answer<Made> {
        let ring = self.known();
        let key = ring.key(name).cloned();
        let key =
            key.ok_or_else(|| INTERNAL.with(format!("key `{name}`: it was decided about and is not there")))?;
        Ok(Made { key, secret, is_new, position })
    }

    /// Decides, and records what was decided as the next decision. `false`: there was nothing to decide.
    async fn decide(
        &self,
        name: &str,
        now: Timestamp,
        decide: impl Fn(&KeyRing) -> Result<Option<KeyEvent>, KeyRejection>,
    ) -> Answer<(bool, String)> {
        let _turn = self.deciding.lock().await;
        for _ in 0..TRIES {
            self.look().await.map_err(|(problem, _)| problem)?;
            let (decisions, last) = self.last().await;
            let Some(event) = decide(&self.known()).map_err(|rejection| of_rejection(name, &rejection))?
            else {
                let mut position = Position::start(self.log.epoch().id);
                position.advance(partition(), last);
                return Ok((false, position.to_string()));
            };
            let id = decision_id(decisions.saturating_add(1));
            let submitted = own(&TenantId::ledger(), &TaskId::keys(), &id, Some(now), EventBody::Key(event))
                .map_err(|error| INTERNAL.with(error))?;
            let mut batch = batch_of(&submitted).map_err(|error| of_field(&error))?;
            batch.decision = Some(Expected { subject: KEYS_TASK.to_owned(), last });
            match self.log.append(batch).await {
                Ok(receipt) => {
                    let outcome = receipt.outcomes.first();
                    if matches!(outcome, Some(AppendOutcome::Appended(_))) {
                        self.look().await.map_err(|(problem, _)| problem)?;
                        return Ok((true, receipt.position.to_string()));
                    }
                }
                // Another decision came first: this one is made again, after it.
                Err(AppendError::WrongExpected { .. }) => {}
                Err(error) => return Err(of_append(&error)),
            }
        }
        Err(CONTENDED.with(format!(
            "deciding about key `{name}`: lost to a concurrent decision {TRIES} times; ask again"
        )))
    }
}

/// A secret of the system's chance.
fn new_secret() -> Answer<KeySecret> {
    let mut chance = [0; SECRET_BYTES];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut chance));
    read.map_err(|error| INTERNAL.with(format!("making a key: reading /dev/urandom: {error}")))?;
    Ok(KeySecret::of(&chance))
}

fn of_rejection(name: &str, rejection: &KeyRejection) -> Box<tollgate_wire::api::Problem> {
    let kind = match rejection {
        KeyRejection::Taken(_) => KEY_TAKEN,
        KeyRejection::NoSuchKey(_) => KEY_UNKNOWN,
        KeyRejection::Ended(..) => KEY_ENDED,
        KeyRejection::Name(_)
        | KeyRejection::Secret
        | KeyRejection::NoScope
        | KeyRejection::FirstIsNotAdmin
        | KeyRejection::AdminIsRestricted
        | KeyRejection::List { .. }
        | KeyRejection::IsOver(_)
        | KeyRejection::NoRate => INVALID,
    };
    kind.with(format!(
        "key `{name}`: {}",
        rejection.to_string().trim_start_matches(&format!("key `{name}`: "))
    ))
}
