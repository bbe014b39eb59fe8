"""What callers and the sending thread share: the events, what is known about the ledger, and who waits for what."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, Union

from ._answer import Recorded
from ._errors import Closed, LedgerAway, Rejected
from ._events import Outgoing
from ._position import merged
from ._store import SetAside, Store

log = logging.getLogger("tollgate_client")

T = TypeVar("T")

#: Number of consecutive failures after which the ledger counts as away: a single lost connection does not affect
#: those who wait.
AWAY_AFTER = 3


@dataclass(frozen=True)
class Kept:
    """The ledger is away: the event is kept and will be delivered. If it is refused then, that is trouble."""

    #: Nobody knows yet.
    attempt: None = None


@dataclass(frozen=True)
class Undelivered:
    """The tracker ended without a spool while the ledger was away."""

    id: str
    task: str
    #: The event, for a person to append it by hand.
    json: str


#: What happened to an event that was awaited.
Delivery = Union[Recorded, Kept]
#: What went wrong with events that no caller awaits.
Trouble = Union[Rejected, SetAside, Undelivered]
Result = Union[Recorded, Kept, Rejected, Closed]


@dataclass(frozen=True)
class Batching:
    """How events are combined into requests."""

    #: The most events in one request, up to 500.
    max_events: int = 500
    #: The most bytes of events in one request, up to 512 KiB.
    max_bytes: int = 512 << 10
    #: How long an event may wait for others, in seconds. Awaited events, the gate and a flush never wait.
    linger: float = 0.02


@dataclass
class Stats:
    """What a tracker did so far, and what waits."""

    #: Events that were taken.
    queued: int = 0
    #: Events acknowledged as new.
    appended: int = 0
    #: Events acknowledged as already there.
    duplicates: int = 0
    #: Events refused because their id is already used for different content.
    conflicts: int = 0
    #: Events refused by a rule.
    refused: int = 0
    #: Lines of the spool that could not be read.
    set_aside: int = 0
    #: Append requests sent.
    requests: int = 0
    #: How many of these left events to be sent again because the ledger was away.
    failed_requests: int = 0
    #: Gate answers given by the policy.
    gates_by_policy: int = 0
    #: Events that wait now.
    waiting: int = 0
    #: Bytes of them in the spool.
    spool_bytes: int = 0


@dataclass(frozen=True)
class Away:
    """What is known about a ledger that takes no events."""

    reason: str
    #: The number of consecutive failures.
    failures: int
    #: Whether the ledger itself asked to wait.
    held: bool


class Reply:
    """Somebody who may wait for the outcome of an event."""

    def __init__(self) -> None:
        self.result: Result | None = None
        #: The place after the event.
        self.place = 0


class State:
    """Guards the store with one lock, and all else with `changed`. Whoever needs both takes the store first."""

    def __init__(self, store: Store, batching: Batching, on_trouble: Callable[[Trouble], None] | None) -> None:
        self.changed = threading.Condition()
        self.batching = batching
        self.stats = Stats()
        self.away: Away | None = None
        self.position: str | None = None
        self.failed_rounds = 0
        #: Whether this is the copy of a child that was forked: nothing is sent from there.
        self.forked = False
        #: Whether somebody waits for the next try.
        self.try_now = self.closing = self.ended = False
        self._on_trouble = on_trouble
        self._store: Store | None = store
        self._store_lock = threading.Lock()
        self._replies: dict[tuple[str, str], list[Reply]] = {}
        self.front, self.end = store.front, store.end
        self.stats.waiting, self.stats.spool_bytes = store.waiting, store.kept_bytes
        #: What is before this place is not held back for others to join. An earlier process left it.
        self.urgent_below = store.end

    def use(self, work: Callable[[Store], T]) -> T:
        """Works on the store. Raises `Closed` after the end."""
        self._check_own("using the spool")
        with self._store_lock:
            if self._store is None:
                raise Closed("the tracker is closed; report before closing it")
            try:
                return work(self._store)
            finally:
                with self.changed:
                    self.front, self.end = self._store.front, self._store.end
                    self.stats.waiting, self.stats.spool_bytes = self._store.waiting, self._store.kept_bytes
                    self.changed.notify_all()

    def queue(self, event: Outgoing) -> Reply:
        """Puts an event after all others."""
        reply, name = Reply(), (event.task, event.id)
        self._check_own(f"queueing event `{event.id}` of task `{event.task}`")
        with self.changed:
            if self.closing or self.ended:
                raise Closed(f"queueing event `{event.id}` of task `{event.task}`: the tracker is closed")
            self._replies.setdefault(name, []).append(reply)

        def append(store: Store) -> None:
            store.append([event])
            with self.changed:
                self.stats.queued += 1
                reply.place = store.end

        try:
            self.use(append)
        except BaseException:
            with self.changed:
                self._replies[name].remove(reply)
            raise
        return reply

    def wait(self, reply: Reply, timeout: float | None) -> Delivery:
        """Waits for the outcome of an event, which is sent at once. Raises what it is refused with."""
        self._check_own("waiting for an event")
        with self.changed:
            self.urgent_below = max(self.urgent_below, reply.place)
            self.changed.notify_all()
            if not self.changed.wait_for(lambda: reply.result is not None, timeout):
                raise TimeoutError("no outcome in time; the event is kept and will be delivered")
        if isinstance(reply.result, Exception):
            raise reply.result
        assert reply.result is not None
        return reply.result

    def flush(self, timeout: float | None) -> str | None:
        """Waits until everything that was queued before is in the log or refused."""
        self._check_own("flushing")
        with self.changed:
            below, failed_before = self.end, self.failed_rounds
            self.urgent_below = max(self.urgent_below, below)
            self.try_now = True
            self.changed.notify_all()

            def decided() -> bool:
                return self.front >= below or self.ended or self._is_away(failed_before)

            if not self.changed.wait_for(decided, timeout):
                raise LedgerAway(self.stats.waiting, f"no answer within {timeout} s")
            if self.front >= below:
                return self.position
            if self.away is not None:
                raise LedgerAway(self.stats.waiting, self.away.reason)
            raise Closed("flushing: the tracker is closed")

    def leave_to_parent(self) -> None:
        """This is the copy of a child. Its lock may be held by a thread that the child does not have."""
        self.forked = True
        self.changed = threading.Condition()

    def _check_own(self, attempted: str) -> None:
        if self.forked:
            raise Closed(f"{attempted}: the tracker belongs to the process that made it; make one here, with its own spool")

    def _is_away(self, failed_before: int) -> bool:
        away = self.away
        return away is not None and away.failures >= AWAY_AFTER and (away.held or self.failed_rounds > failed_before)

    def tell(self, events: Sequence[Outgoing], fates: Sequence[Recorded | Rejected | None], position: str | None) -> None:
        """Counts outcomes, and tells those who wait for them."""
        refused: list[Rejected] = []
        with self.changed:
            if position is not None:
                self.covers(position)
            for event, fate in zip(events, fates):
                if fate is None:
                    continue
                if isinstance(fate, Recorded):
                    self.stats.duplicates += fate.duplicate
                    self.stats.appended += not fate.duplicate
                else:
                    self.stats.conflicts += fate.kind == "conflict"
                    self.stats.refused += fate.kind != "conflict"
                    refused.append(fate)
                replies = self._replies.get((event.task, event.id))
                if replies:
                    # The same id may have been reported again: each report has an outcome of its own.
                    replies.pop(0).result = fate
                    if not replies:
                        del self._replies[event.task, event.id]
            self.changed.notify_all()
        for rejected in refused:
            log.error("an event is refused for good: %s", rejected)
            self.trouble(rejected)

    def covers(self, position: str) -> None:
        """Something up to this position is acknowledged."""
        with self.changed:
            self.position = merged(self.position, position)

    def back(self) -> None:
        """The ledger accepts events again."""
        with self.changed:
            away, self.away = self.away, None
            self.changed.notify_all()
        if away is not None:
            log.info("the ledger takes events again, after %s failures", away.failures)

    def failed(self, reason: str, held: bool) -> int:
        """The ledger accepts no events. Returns the number of consecutive failures."""
        with self.changed:
            failures = (self.away.failures if self.away else 0) + 1
            self.away = Away(reason, failures, held)
            self.failed_rounds += 1
            self.stats.failed_requests += 1
            if failures >= AWAY_AFTER:
                self._reply_all(Kept())
            self.changed.notify_all()
        if failures == 1:
            log.warning("the ledger takes no events; they are kept and sent again: %s", reason)
        return failures

    def finish(self) -> list[Outgoing]:
        """Nothing is sent any more. Returns events that were only in memory."""
        with self._store_lock, self.changed:
            store, self._store = self._store, None
            kept_on_disk = store is None or store.kept_bytes > 0
            left = [] if store is None or kept_on_disk else store.peek(store.waiting, 1 << 62)
            if store is not None:
                store.close()
            self.ended = True
            self._reply_all(Kept() if kept_on_disk else Closed("the tracker ended before it could deliver the event"))
            self.changed.notify_all()
        for event in left:
            text = event.json.decode()
            log.error("an event was not delivered before the tracker ended, and there is no spool: %s", text)
            self.trouble(Undelivered(event.id, event.task, text))
        return left

    def _reply_all(self, result: Result) -> None:
        for replies in self._replies.values():
            for reply in replies:
                reply.result = result
        self._replies.clear()

    def trouble(self, trouble: Trouble) -> None:
        """Tells the caller of what nobody awaits."""
        if isinstance(trouble, SetAside):
            log.error("an event of the spool cannot be read and was set aside: %s", trouble)
            with self.changed:
                self.stats.set_aside += 1
        if self._on_trouble is not None:
            try:
                self._on_trouble(trouble)
            except Exception:
                log.exception("on_trouble failed")

    def snapshot(self) -> Stats:
        """The figures of now."""
        with self.changed:
            return dataclasses.replace(self.stats)
