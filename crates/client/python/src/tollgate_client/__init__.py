"""The client of Tollgate, the budget ledger for AI agents. No dependencies.

`Tracker` reports what tasks do, survives a ledger that is away, and asks the gate. `Client` has the calls: check,
allocate, release. `usage_of` reads what a provider's response says about usage. `aio.AsyncTracker` is for `asyncio`.
"""

from ._answer import Recorded
from ._backoff import Backoff
from ._client import Client, Usd
from ._errors import (
    BadUsage,
    Closed,
    Conflict,
    InvalidField,
    InvalidRequest,
    LedgerAway,
    NoAnswer,
    NotAllowed,
    NotDelivered,
    NotFound,
    NoUsage,
    OtherLedger,
    Problem,
    QueueFull,
    Refused,
    Rejected,
    SpoolError,
    SpoolLocked,
    TollgateError,
    Unavailable,
    UnreadableAnswer,
    Untrusted,
)
from ._http import Timeouts
from ._responses import UsageReader, usage_of
from ._spool import SpoolOptions
from ._state import Batching, Delivery, Kept, Stats, Trouble, Undelivered
from ._store import SetAside
from ._tracker import Ended, GateAnswer, Pending, Tracker
from ._types import Allocation, Amount, Appended, Check, GateDecision, PolicyFigures
from ._usage import Tokens, Usage

__version__ = "0.1.0"

__all__ = [
    "Allocation", "Amount", "Appended", "Backoff", "BadUsage", "Batching", "Check", "Client", "Closed", "Conflict",
    "Delivery", "Ended", "GateAnswer", "GateDecision", "InvalidField", "InvalidRequest", "Kept", "LedgerAway",
    "NoAnswer", "NoUsage", "NotAllowed", "NotDelivered", "NotFound", "OtherLedger", "Pending", "PolicyFigures",
    "Problem", "QueueFull", "Recorded", "Refused", "Rejected", "SetAside", "SpoolError", "SpoolLocked",
    "SpoolOptions", "Stats", "Timeouts", "Tokens", "TollgateError", "Tracker", "Trouble", "Unavailable",
    "Undelivered", "UnreadableAnswer", "Untrusted", "Usage", "UsageReader", "Usd", "usage_of",
]  # fmt: skip
