"""What an answer to an append says about each event: in the log, refused for good, or to be sent again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Union

from ._errors import Problem, Rejected, TollgateError, UnreadableAnswer
from ._events import Outgoing

#: Codes of refusals that are not the event's fault: the same event may be accepted later.
_NOT_ITS_FAULT = frozenset(
    (
        "overloaded", "internal", "stopped", "unknown_outcome", "contended", "stale", "degraded", "disk_full",
        "unauthorized",
    )
)  # fmt: skip

#: The most bytes of one task's events in a request: a record of the ledger holds 256 KiB, and the events of one
#: task in a request become one record.
_MAX_TASK_BYTES = 224 << 10


@dataclass(frozen=True)
class Recorded:
    """An event that is in the log, or was ignored because tracking is off."""

    #: The sequence of its record.
    sequence: int | None = None
    #: The attempt number assigned to a phase start.
    attempt: int | None = None
    #: Whether it was already there, from an earlier try.
    duplicate: bool = False
    #: What its producer should know.
    warnings: tuple[str, ...] = ()


#: `None`: it is sent again with the same id.
Fate = Union[Recorded, Rejected, None]


@dataclass
class Judged:
    """What an answer means."""

    #: One for each event, in their order.
    fates: list[Fate]
    #: Covers the events that are in the log.
    position: str | None = None
    #: Why some have to be sent again later: the ledger is away, or accepts no events.
    away: str | None = None
    #: Whether the offending event was not named: fewer are sent at once to find it.
    divide: bool = False


def judge(events: Sequence[Outgoing], answer: dict[str, Any] | TollgateError) -> Judged:
    """Judges the answer to an append of these events, or the error that came instead."""
    if isinstance(answer, dict):
        outcomes = answer.get("outcomes")
        if not isinstance(outcomes, list) or len(outcomes) != len(events):
            return _away(events, _miscounted(events, outcomes))
        return _by_outcome(events, outcomes, answer.get("position"), None)
    if isinstance(answer, Problem):
        return _by_problem(events, answer)
    if isinstance(answer, UnreadableAnswer) and answer.status == 413:
        # A proxy's response to a body that is too large.
        return _whole(events, "too_large", answer.begins)
    return _away(events, str(answer))


def fitting(sizes: Sequence[tuple[str, int]], max_bytes: int) -> int:
    """How many of the first events, given by task and size, fit in one request; at least one."""
    total, by_task = 0, dict[str, int]()
    for nth, (task, size) in enumerate(sizes):
        total += size
        by_task[task] = by_task.get(task, 0) + size
        if nth > 0 and (total > max_bytes or by_task[task] > _MAX_TASK_BYTES):
            return nth
    return len(sizes)


def _by_problem(events: Sequence[Outgoing], problem: Problem) -> Judged:
    faulty = problem.status in (400, 409, 413, 422)
    outcomes = problem.problem.get("outcomes") or []
    if not outcomes:
        if faulty:
            return _whole(events, problem.code, problem.detail)
        return _away(events, f"{problem.detail} ({problem.status} {problem.code})")
    if len(outcomes) != len(events):
        return _away(events, _miscounted(events, outcomes))
    trouble = None if faulty else problem
    return _by_outcome(events, outcomes, problem.problem.get("position"), trouble)


def _by_outcome(
    events: Sequence[Outgoing], outcomes: list[dict[str, Any]], position: str | None, trouble: Problem | None
) -> Judged:
    away = f"{trouble.detail} ({trouble.code})" if trouble else None
    fates: list[Fate] = []
    for event, outcome in zip(events, outcomes):
        word = outcome.get("outcome")
        code = outcome.get("code") or "refused"
        detail = outcome.get("detail") or "the ledger gives no reason"
        if word in ("appended", "duplicate", "ignored"):
            warnings = tuple(outcome.get("warnings") or ())
            fates.append(
                Recorded(outcome.get("sequence"), outcome.get("attempt"), word == "duplicate", warnings)
            )
        elif word == "conflict":
            fates.append(Rejected(event.id, event.task, "conflict", code, detail))
        elif code == "refused_with" and len(events) > 1:
            fates.append(None)
        elif code in _NOT_ITS_FAULT or (trouble is not None and trouble.code == code):
            away = away or f"{detail} ({code})"
            fates.append(None)
        else:
            fates.append(Rejected(event.id, event.task, "refused", code, detail))
    if None not in fates:
        away = None
    divide = away is None and all(fate is None for fate in fates)
    return Judged(fates, position, away, divide)


def _whole(events: Sequence[Outgoing], code: str, detail: str) -> Judged:
    """The request as a whole was refused, without mentioning its events."""
    if len(events) == 1:
        return Judged([Rejected(events[0].id, events[0].task, "refused", code, detail)])
    return Judged([None] * len(events), divide=True)


def _away(events: Sequence[Outgoing], reason: str) -> Judged:
    return Judged([None] * len(events), away=reason)


def _miscounted(events: Sequence[Outgoing], outcomes: object) -> str:
    answered = len(outcomes) if isinstance(outcomes, list) else 0
    return (
        f"POST /v1/events: {len(events)} events were sent, {answered} outcomes answered; is another program there?"
    )
