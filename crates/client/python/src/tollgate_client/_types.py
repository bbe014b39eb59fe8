"""Answers of the ledger, as they come. Counts are `int`, money is a decimal `str`; fields may be added."""

from __future__ import annotations

from typing import Literal, TypedDict

Verdict = Literal["allow", "warn", "block"]
AllocationState = Literal["open", "refused", "released", "expired"]


class Amount(TypedDict):
    """Tokens and money."""

    tokens: int
    usd: str


class Limit(TypedDict, total=False):
    """A limit; what is absent is not limited."""

    tokens: int
    usd: str


class Reason(TypedDict):
    """One reason for a decision of the gate."""

    code: str
    verdict: Verdict
    message: str


class Utilization(TypedDict, total=False):
    """Usage compared with its limit."""

    used: int
    limit: int
    percent: int


class _GateDecision(TypedDict):
    tenant: str
    task: str
    advance_to: str
    verdict: Verdict
    ruled: Verdict
    reasons: list[Reason]
    requirements: list[str]
    config_hash: str
    rollout: str
    as_of: str
    stale: bool
    report: str


class GateDecision(_GateDecision, total=False):
    """The gate's answer. It is recorded before it is returned."""

    tokens: Utilization
    latency_ms: Utilization
    active: str
    remaining_tokens: int
    remaining_latency_ms: int
    policies: list[str]
    policies_unknown: bool
    progress: dict[str, object]
    position: str


class _PolicyFigures(TypedDict):
    policy: str
    version: int
    limit: Limit
    ruling: str
    sentence: str


class PolicyFigures(_PolicyFigures, total=False):
    """How a policy stands, and what it says to a request."""

    window_from: str
    window_to: str
    of: str
    booked: Amount
    reserved: Amount
    unpriced: Amount
    unpriced_units: dict[str, int]
    remaining: Limit
    retry_at: str


class _Check(TypedDict):
    allowed: bool
    amount: Amount
    priced: bool
    policies: list[PolicyFigures]
    as_of: str


class Check(_Check, total=False):
    """Whether something may be spent. Nothing is reserved."""

    instead: str
    similar_model: str


class _Allocation(TypedDict):
    allocation: str
    tenant: str
    state: AllocationState
    priority: int
    amount: Amount
    priced: bool
    used: Amount
    remaining: Amount
    released: Amount
    expired: Amount
    overrun: Amount
    expires_at: str
    decided_at: str
    policies: list[PolicyFigures]
    repeated: bool
    as_of: str


class Allocation(_Allocation, total=False):
    """An allocation, or the refusal of one."""

    context: str
    task: str
    phase: str
    component: str
    provider: str
    model: str
    instead_of: str
    labels: dict[str, str]


class _EventOutcome(TypedDict):
    id: str
    outcome: Literal["appended", "duplicate", "conflict", "refused", "ignored"]


class EventOutcome(_EventOutcome, total=False):
    """What became of one event."""

    sequence: int
    code: str
    detail: str
    attempt: int
    warnings: list[str]


class Appended(TypedDict):
    """Outcomes of an append."""

    outcomes: list[EventOutcome]
    position: str
    durability: str
    dedup: str
