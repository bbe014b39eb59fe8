"""The tracker: reports what tasks do, each event once, and asks the gate."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from os import PathLike
from typing import Any, Literal

from . import _events as events
from ._backoff import Backoff
from ._client import Client, advance_of
from ._errors import Closed, InvalidField, LedgerAway, NotDelivered, Problem, TollgateError
from ._http import Timeouts
from ._sender import Sender
from ._spool import Spool, SpoolOptions
from ._state import Batching, Delivery, Reply, State, Stats, Trouble, log
from ._store import Memory, Store
from ._types import Allocation, GateDecision, Verdict
from ._usage import Usage

OnUnreachable = Literal["open", "closed"]

#: Answers of a ledger that is busy, that takes no key of ours, or that is another one.
_NOT_ABOUT_THE_QUESTION = frozenset({401, 403, 408, 421, 429})

#: How often one question to the gate is tried.
_GATE_TRIES = 3


@dataclass(frozen=True)
class GateAnswer:
    """Whether a task may go on, and what to do."""

    verdict: Verdict
    #: `server`, or `policy` if the ledger could not be reached.
    decided_by: Literal["server", "policy"]
    #: The ledger's full answer; absent if the policy decided.
    decision: GateDecision | None
    #: Why the policy decided.
    unreachable: str | None = None

    @property
    def may_go_on(self) -> bool:
        """Whether the task may enter the phase."""
        return self.verdict != "block"

    @property
    def reasons(self) -> list[str]:
        """Why, as sentences with their numbers."""
        if self.decision is None:
            return [f"the ledger could not be asked: {self.unreachable}"]
        return [reason["message"] for reason in self.decision["reasons"]]

    @property
    def to_do(self) -> list[str]:
        """What is required now: `explanation`, `review`, `post_mortem`, `investigation`, `remediation`."""
        return [] if self.decision is None else list(self.decision["requirements"])


@dataclass(frozen=True)
class Ended:
    """How a tracker ended: everything is in the log, or the rest waits in the spool for the next one."""

    delivered: bool
    #: Covers everything that was acknowledged.
    position: str | None
    spool_bytes: int = 0


class Pending:
    """An event on its way."""

    def __init__(self, id: str, state: State, reply: Reply) -> None:
        #: The event's id.
        self.id = id
        self._state = state
        self._reply = reply

    def wait(self, timeout: float | None = None) -> Delivery:
        """Waits for what becomes of it; it is sent at once. Raises `Rejected` if the ledger refuses it."""
        return self._state.wait(self._reply, timeout)


class Tracker:
    """Reports to a ledger what tasks do, in order, each event once. Threads may share it.

    An event keeps its id and its bytes across all tries. With a spool it is on disk when its report returns, and is
    delivered even if this process is killed, by the next tracker on the same spool. Without one it waits in memory.
    """

    def __init__(
        self,
        url: str,
        producer: str,
        *,
        tenant: str = "default",
        api_key: str | None = None,
        ca_file: str | None = None,
        spool: str | PathLike[str] | SpoolOptions | None = None,
        batching: Batching = Batching(),
        max_events: int = 10_000,
        max_bytes: int = 16 << 20,
        on_unreachable: OnUnreachable = "open",
        gate_patience: float = 10.0,
        timeouts: Timeouts = Timeouts(connect=2.0, answer=15.0),
        backoff: Backoff = Backoff(),
        on_trouble: Callable[[Trouble], None] | None = None,
        clock: Callable[[], str] = events.now,
        ids: Callable[[], str] = events.new_id,
    ) -> None:
        """`producer` is the name under which events are appended; it stays the same across restarts. What an earlier
        tracker left in the spool is delivered first. `max_events` and `max_bytes` bound what waits in memory without a
        spool. `on_unreachable` is what the gate answers if the ledger cannot be reached within `gate_patience`
        seconds. `on_trouble` is told of events that will never be in the log, from the sending thread."""
        if not 1 <= batching.max_events <= 500 or not 1 <= batching.max_bytes <= 512 << 10:
            raise InvalidField("batching", batching, "must be 1 to 500 events and 1 to 524288 bytes")
        if on_unreachable not in ("open", "closed"):
            raise InvalidField("on_unreachable", on_unreachable, "must be `open` or `closed`")
        self._maker = events.EventMaker(producer, tenant, clock, ids)
        #: Calls to the same ledger, for the same tenant.
        self.client = Client(url, tenant=tenant, api_key=api_key, ca_file=ca_file, timeouts=timeouts, backoff=backoff)
        transport = self.client._transport
        store: Store = Memory(max_events, max_bytes)
        if spool is not None:
            store = opened = Spool(spool if isinstance(spool, SpoolOptions) else SpoolOptions(spool))
            transport.ledger = opened.ledger
        self._on_unreachable = on_unreachable
        self._gate_patience = gate_patience
        self._state = State(store, batching, on_trouble)
        self._sender = Sender(self._state, transport, backoff)
        self._thread = threading.Thread(target=self._sender.run, name="tollgate-tracker", daemon=True)
        self._thread.start()
        _running.add(self)

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open_task(self, task: str, **metadata: Any) -> Pending:
        """Opens a task: `title`, `complexity` (Tiny … Large), `importance` (low … critical), `justification`, `tags`,
        `labels`, `author`, and what else the event `task_opened` has."""
        return self.report(task, "task_opened", events.task_opened(**metadata))

    def start_phase(self, task: str, phase: str) -> Pending:
        """Starts a phase. The `attempt` of its delivery is the number of the attempt."""
        return self.report(task, "phase_started", {"phase": events.phase_name(phase)})

    def end_phase(self, task: str, phase: str, attempt: int | None = None) -> Pending:
        """Ends a phase: the active attempt, or the given one."""
        return self.report(task, "phase_ended", events.execution(phase, attempt))

    def close_task(
        self, task: str, outcome: str = "completed", reason: str | None = None, author: str | None = None
    ) -> Pending:
        """Closes a task as `completed`, `cancelled` or `abandoned`."""
        return self.report(task, "task_closed", events.task_closed(outcome, reason, author))

    def report_usage(
        self, task: str, usage: Usage, *, id: str | None = None, occurred_at: datetime | str | None = None
    ) -> Pending:
        """Reports what a model call used. With an `id` and a time that can be made again, reporting the same call twice
        does no harm."""
        return self.report(task, "usage_recorded", events.usage_recorded(usage), id=id, occurred_at=occurred_at)

    def report_wait(
        self,
        task: str,
        kind: str,
        wait_ms: int,
        *,
        phase: str | None = None,
        attempt: int | None = None,
        id: str | None = None,
        occurred_at: datetime | str | None = None,
    ) -> Pending:
        """Reports that a task or a phase waited: for a `queue`, a `rate_limit`, a `human` or something else."""
        body = events.wait_recorded(kind, wait_ms, phase, attempt)
        return self.report(task, "wait_recorded", body, id=id, occurred_at=occurred_at)

    def report_signal(
        self,
        task: str,
        name: str,
        value: int,
        *,
        key: str | None = None,
        phase: str | None = None,
        attempt: int | None = None,
        id: str | None = None,
        occurred_at: datetime | str | None = None,
    ) -> Pending:
        """Reports a sign of progress or trouble, such as `files_changed`; the same `key` again is a repetition."""
        body = events.signal_recorded(name, value, key, phase, attempt)
        return self.report(task, "signal_recorded", body, id=id, occurred_at=occurred_at)

    def report(
        self,
        task: str,
        kind: str,
        body: Mapping[str, Any],
        *,
        id: str | None = None,
        occurred_at: datetime | str | None = None,
        trace_parent: str | None = None,
    ) -> Pending:
        """Reports any event of the contract. Raises `InvalidField`, `QueueFull` or `SpoolError`; then nothing was
        queued. With a spool, the event survives this process when this returns."""
        event = self._maker.event(
            task, kind, dict(body), id=id, occurred_at=occurred_at, trace_parent=trace_parent
        )
        return Pending(event.id, self._state, self._state.queue(event))

    def flush(self, timeout: float | None = None) -> str | None:
        """Waits until everything reported before is in the log, or refused and told as trouble. Returns a position that
        covers everything acknowledged so far; `None` if that is nothing. Raises `LedgerAway` after several failed
        tries: the events are kept and will be delivered."""
        return self._state.flush(timeout)

    def gate(self, task: str, advance_to: str) -> GateAnswer:
        """Asks whether a task may enter a phase, or `completion`. What was reported before is delivered first, and the
        answer takes it into account. If the ledger cannot be reached in time, or refuses the key, `on_unreachable`
        answers. Raises `Problem` if the ledger refuses the question: no such task, no such phase."""
        events.name("task", task)
        advance = advance_of(advance_to)
        deadline = time.monotonic() + self._gate_patience
        try:
            at_least = self._state.flush(self._gate_patience)
            decision = self.client.gate(
                task,
                advance,
                producer=self._maker.producer,
                at_least=at_least,
                timeout=max(deadline - time.monotonic(), 0.001),
                tries=_GATE_TRIES,
            )
        except Closed:
            raise
        except TollgateError as error:
            if isinstance(error, Problem) and error.status < 500 and error.status not in _NOT_ABOUT_THE_QUESTION:
                raise
            return self._by_policy(task, advance, str(error))
        if (position := decision.get("position")) is not None:
            self._state.covers(position)
        return GateAnswer(decision["verdict"], "server", decision)

    def settle(self, task: str, usage: Usage, *, id: str | None = None, occurred_at: str | None = None) -> Allocation:
        """Reports the usage of an allocation (`usage.allocation`), and releases the rest once that is in the log.
        Raises `LedgerAway` if the ledger is away: the usage is kept, and the rest expires by itself."""
        if usage.allocation is None:
            raise InvalidField("usage.allocation", None, "must name the allocation to settle")
        self.report_usage(task, usage, id=id, occurred_at=occurred_at)
        self.flush()
        return self.client.release(usage.allocation)

    def close(self, timeout: float | None = None) -> Ended:
        """Delivers what is queued and ends the tracker; if the ledger is away, the spool keeps it for the next one.
        Raises `NotDelivered` if events are lost, because there is no spool."""
        state = self._state
        if state.forked:
            # What is queued is for the process that made it to deliver.
            return Ended(True, state.position, 0)
        with state.changed:
            state.closing = True
            state.changed.notify_all()
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError("the tracker has not ended in time; it goes on")
        self.client.close()
        _running.discard(self)
        left, self._sender.left = self._sender.left, []
        if left:
            reason = state.away.reason if state.away else "the sending thread ended"
            raise NotDelivered([event.json.decode() for event in left], reason)
        stats = state.snapshot()
        return Ended(stats.spool_bytes == 0, state.position, stats.spool_bytes)

    @property
    def position(self) -> str | None:
        """Covers everything acknowledged so far: pass it as `at_least` to read those events."""
        return self._state.position

    def stats(self) -> Stats:
        """What was done so far, and what waits."""
        return self._state.snapshot()

    def _by_policy(self, task: str, advance: str, reason: str) -> GateAnswer:
        verdict: Verdict = "allow" if self._on_unreachable == "open" else "block"
        with self._state.changed:
            self._state.stats.gates_by_policy += 1
        log.warning("the gate could not be asked about %s → %s, the policy says %s: %s", task, advance, verdict, reason)
        return GateAnswer(verdict, "policy", None, reason)


#: Trackers that are not closed. What they have in memory is delivered when the program ends, if it ends by itself.
_running: weakref.WeakSet[Tracker] = weakref.WeakSet()


def _leave_to_parent() -> None:
    """In a child that was forked: threads are gone, and the queue and its spool are the parent's."""
    for tracker in list(_running):
        tracker._state.leave_to_parent()
    _running.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


@atexit.register
def _close_all() -> None:
    for tracker in list(_running):
        try:
            tracker.close(timeout=30)
        except (TollgateError, TimeoutError) as error:
            log.error("closing a tracker at the end of the program: %s", error)
