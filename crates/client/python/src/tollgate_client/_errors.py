"""Why something failed. Each error says what was attempted, on what, which rule it breaks and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class TollgateError(Exception):
    """Anything that this package raises."""

    #: Whether the same call may succeed later.
    retryable: bool = False


class InvalidField(TollgateError, ValueError):
    """A value breaks a rule of the ledger. Nothing was sent."""

    def __init__(self, field: str, value: object, rule: str) -> None:
        self.field = field
        self.value = str(value)[:80]
        self.rule = rule
        super().__init__(f"{field}: `{self.value}`: {rule}")


class NoAnswer(TollgateError):
    """There was no answer. The request may have been carried out: send it again, with the same ids."""

    retryable = True

    def __init__(self, method: str, url: str, reason: str) -> None:
        self.method = method
        self.url = url
        self.reason = reason
        super().__init__(f"{method} {url}: no answer: {reason}")


class Untrusted(NoAnswer):
    """The server's certificate is not one to trust. Nothing was sent, and no key shown; trying again does not help."""

    retryable = False

    def __init__(self, method: str, url: str, reason: str, trusted: str) -> None:
        self.trusted = trusted
        super().__init__(
            method, url, f"the server's certificate does not stand up to {trusted}: {reason}; "
            "`ca_file` names the authorities to trust"
        )  # fmt: skip


class UnreadableAnswer(TollgateError):
    """The answer is none of Tollgate's."""

    def __init__(self, endpoint: str, status: int, begins: str) -> None:
        self.endpoint = endpoint
        self.status = status
        self.begins = begins
        self.retryable = status >= 500
        super().__init__(
            f"{endpoint}: status {status}, and an answer that is none of Tollgate's: `{begins}`; "
            "is another program there?"
        )


class Problem(TollgateError):
    """The ledger answered with a problem. `code` is stable; `detail` says what to do."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.problem: dict[str, Any] = dict(problem)
        self.status: int = problem["status"]
        self.code: str = problem["code"]
        self.detail: str = problem["detail"]
        self.retryable = bool(problem["retryable"])
        self.field: str | None = problem.get("field")
        self.value: str | None = problem.get("value")
        super().__init__(self.detail)


class InvalidRequest(Problem):
    """The request breaks a rule, and the same one fails again."""


class NotAllowed(Problem):
    """The key is missing, not valid, or does not allow this."""


class NotFound(Problem):
    """There is nothing of this name."""


class Conflict(Problem):
    """The name or id was already used for something else."""


class Refused(Problem):
    """A rule or a policy refuses it."""


class OtherLedger(Problem):
    """A server of another ledger answers at this address."""


class Unavailable(Problem):
    """The ledger cannot do it now."""


def problem_of(problem: Mapping[str, Any]) -> Problem:
    """The error for a problem that the ledger answered with."""
    status = problem["status"]
    kind: type[Problem] = Problem
    if status in (400, 405, 406, 413, 415):
        kind = InvalidRequest
    elif status in (401, 403):
        kind = NotAllowed
    elif status == 404:
        kind = NotFound
    elif status == 409:
        kind = Conflict if problem["code"] == "conflict" else Refused
    elif status == 421:
        kind = OtherLedger
    elif status == 422:
        kind = Refused
    elif status in (408, 429) or status >= 500:
        kind = Unavailable
    return kind(problem)


class Rejected(TollgateError):
    """An event that the ledger refused for good. `kind` is `conflict` or `refused`."""

    def __init__(self, id: str, task: str, kind: str, code: str, detail: str) -> None:
        self.id = id
        self.task = task
        self.kind = kind
        self.code = code
        self.detail = detail
        super().__init__(f"event `{id}` of task `{task}` is not in the log: {code}: {detail}")


class LedgerAway(TollgateError):
    """The ledger takes nothing now. What was reported is kept and will be delivered."""

    retryable = True

    def __init__(self, waiting: int, reason: str) -> None:
        self.waiting = waiting
        self.reason = reason
        super().__init__(f"flushing: {waiting} events wait for the ledger: {reason}")


class NotDelivered(TollgateError):
    """Events were lost at the end, because there is no spool. `events` has them as JSON."""

    def __init__(self, events: list[str], reason: str) -> None:
        self.events = events
        self.reason = reason
        super().__init__(
            f"closing the tracker: {len(events)} events were not delivered and could not be kept: {reason}; "
            "give it a spool"
        )


class Closed(TollgateError):
    """The tracker was closed before."""


class QueueFull(TollgateError):
    """As many events wait as may. Nothing was queued."""

    retryable = True


class SpoolError(TollgateError):
    """The spool could not be used. The event is not in it."""


class SpoolLocked(SpoolError):
    """Another process uses the spool."""


class NoUsage(TollgateError):
    """A response has no counters. Nothing is guessed: estimate its usage, or report none."""

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(
            f"reading the usage of a response: it has no `{field}`; ask the provider for it, "
            "or estimate it from lengths (Usage.estimated)"
        )


class BadUsage(TollgateError):
    """A counter of a response breaks its rule."""

    def __init__(self, field: str, value: object, rule: str) -> None:
        self.field = field
        self.value = str(value)[:80]
        self.rule = rule
        super().__init__(f"reading the usage of a response: `{field}` is `{self.value}`: {rule}")
