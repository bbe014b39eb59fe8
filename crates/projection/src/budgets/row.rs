//! Rows of the view `budgets` and their keys.

use serde::{Deserialize, Serialize};
use tollgate_domain::budget::{Amount, BudgetState};
use tollgate_domain::event::{Allocated, AllocationRefused, AllocationRequest, BudgetEvent, PolicyFigures};
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::AllocationStateWord;

/// What the view keeps under a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BudgetsRow {
    /// What decisions about a tenant's money depend on.
    Tenant(Box<TenantBudgets>),
    /// An allocation, or the refusal of one.
    Allocation(Box<AllocationRow>),
    /// The name of an allocation: in the list with the latest first, or among those that something happened to.
    Listed(String),
}

/// A row that may hold what was decided about money.
pub trait HoldsBudgets: From<BudgetsRow> {
    /// The decision in it.
    fn budgets_mut(&mut self) -> Option<&mut BudgetsRow>;
}

/// What decisions about a tenant's money depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantBudgets {
    /// The fold of its decisions.
    pub state: BudgetState,
    /// The record of the last one; zero: there is none yet.
    pub last_decision: Sequence,
}

/// An allocation, or the refusal of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllocationRow {
    /// What was asked for, with the model that was given.
    pub request: AllocationRequest,
    /// The model that was asked for, if another one was given.
    pub instead_of: Option<String>,
    /// The policies that it falls under, with the figures that it was decided with.
    pub policies: Vec<PolicyFigures>,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// Up to which position usage was known.
    pub as_of: String,
    /// Its record.
    pub sequence: Sequence,
    /// How much is allocated, with extensions.
    pub amount: Amount,
    /// Until when, with extensions.
    pub expires_at: Timestamp,
    /// What became of it.
    pub state: AllocationState,
}

impl AllocationRow {
    /// Its state at a time: what nobody has recorded as expired yet is expired once its time is over.
    #[must_use]
    pub fn state_at(&self, now: Timestamp) -> AllocationStateWord {
        match &self.state {
            AllocationState::Refused => AllocationStateWord::Refused,
            AllocationState::Released { .. } => AllocationStateWord::Released,
            AllocationState::Expired => AllocationStateWord::Expired,
            AllocationState::Open if self.expires_at <= now => AllocationStateWord::Expired,
            AllocationState::Open => AllocationStateWord::Open,
        }
    }

    /// An allocation as it was decided; `None`: the event decides about no new one.
    #[must_use]
    pub fn of(event: &BudgetEvent, sequence: Sequence) -> Option<Self> {
        let (request, instead_of, policies, decided_at, as_of, state) = match event {
            BudgetEvent::Allocated(made) => {
                let Allocated { request, instead_of, policies, decided_at, as_of } = &**made;
                (request, instead_of.clone(), policies, decided_at, as_of, AllocationState::Open)
            }
            BudgetEvent::AllocationRefused(refused) => {
                let AllocationRefused { request, policies, decided_at, as_of } = &**refused;
                (request, None, policies, decided_at, as_of, AllocationState::Refused)
            }
            BudgetEvent::BudgetSet(_)
            | BudgetEvent::PolicySet(_)
            | BudgetEvent::LimitRaised(_)
            | BudgetEvent::AllocationExtended(_)
            | BudgetEvent::AllocationReleased(_)
            | BudgetEvent::AllocationExpired(_)
            | BudgetEvent::PoolGiven(_)
            | BudgetEvent::PoolDrawn(_) => return None,
        };
        Some(Self {
            instead_of,
            policies: policies.clone(),
            decided_at: *decided_at,
            as_of: as_of.clone(),
            sequence,
            amount: request.amount,
            expires_at: request.expires_at,
            state,
            request: request.clone(),
        })
    }
}

/// What became of an allocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AllocationState {
    /// It was never made.
    Refused,
    /// It was made, and neither released nor recorded as expired. It may have expired: `expires_at` says.
    Open,
    /// What it had left was set free.
    Released {
        /// When.
        at: Timestamp,
        /// By whom.
        author: Option<String>,
    },
    /// Its time is over, and that was recorded.
    Expired,
}

// Those of usage begin with small letters.
const TENANT: u8 = b'T';
const ALLOCATION: u8 = b'A';
const LISTED: u8 = b'L';
const MOVED: u8 = b'M';

/// How many records have one block among those that something happened to: an allocation has one row a block, and who
/// asks again reads the last block again.
const BLOCK: u64 = 1024;

/// What the keys of tenants begin with, before their names.
pub const TENANTS: &[u8] = &[TENANT];

/// The key of what decisions about a tenant's money depend on.
#[must_use]
pub fn tenant_key(tenant: &str) -> Vec<u8> {
    let mut key = vec![TENANT];
    key.extend_from_slice(tenant.as_bytes());
    key
}

/// The key of an allocation.
#[must_use]
pub fn allocation_key(tenant: &str, allocation: &str) -> Vec<u8> {
    of(ALLOCATION, tenant, allocation.as_bytes())
}

/// The beginning of the keys of a tenant's list, or that after which the allocations before a record follow.
#[must_use]
pub fn listing(tenant: &str, before: Option<Sequence>) -> Vec<u8> {
    // The latest first: what is larger sorts earlier.
    let from = before.map(|sequence| (u64::MAX ^ sequence.0).to_be_bytes());
    of(LISTED, tenant, from.as_ref().map(<[u8; 8]>::as_slice).unwrap_or_default())
}

/// The key of an allocation's line in the list.
pub(super) fn listed_key(tenant: &str, sequence: Sequence, allocation: &str) -> Vec<u8> {
    let mut key = listing(tenant, Some(sequence));
    key.extend_from_slice(allocation.as_bytes());
    key
}

/// The beginning of the keys of allocations that were decided or used in a partition.
#[must_use]
pub fn moved(tenant: &str, partition: PartitionId) -> Vec<u8> {
    of(MOVED, tenant, &[partition.number()])
}

/// The key before those of all records after this one; a few earlier ones of the same block are behind it, too.
#[must_use]
pub fn moved_since(tenant: &str, partition: PartitionId, since: Sequence) -> Vec<u8> {
    block_key(tenant, partition, since.next())
}

/// Up to which record a row says what happened, from what follows the beginning of its key.
#[must_use]
pub fn moved_through(rest: &[u8]) -> Option<Sequence> {
    let block = u64::from_be_bytes(*rest.first_chunk()?);
    Some(Sequence(block.saturating_mul(BLOCK).saturating_add(BLOCK - 1)))
}

/// The key of an allocation that was decided or used in a record.
pub(super) fn moved_key(
    tenant: &str,
    partition: PartitionId,
    sequence: Sequence,
    allocation: &str,
) -> Vec<u8> {
    let mut key = block_key(tenant, partition, sequence);
    // So that none is the key before them.
    key.push(b'/');
    key.extend_from_slice(allocation.as_bytes());
    key
}

fn block_key(tenant: &str, partition: PartitionId, sequence: Sequence) -> Vec<u8> {
    let mut key = moved(tenant, partition);
    key.extend_from_slice(&sequence.0.div_euclid(BLOCK).to_be_bytes());
    key
}

fn of(kind: u8, tenant: &str, rest: &[u8]) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(tenant.as_bytes());
    key.push(0);
    key.extend_from_slice(rest);
    key
}
