"""The sending thread: one request at a time, in order."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

from ._answer import Judged, fitting, judge
from ._backoff import Backoff
from ._errors import SpoolError, TollgateError
from ._events import Outgoing
from ._http import Transport
from ._state import AWAY_AFTER, State
from ._store import SetAside, Store


class Sender:
    """Sends what waits, and sends it again until the ledger has it."""

    def __init__(self, state: State, transport: Transport, backoff: Backoff) -> None:
        self._state = state
        self._transport = transport
        self._backoff = backoff
        #: The most events in the next request; fewer while searching for an offending one.
        self._at_most = state.batching.max_events
        #: Events that were left at the end and are lost.
        self.left: list[Outgoing] = []

    def run(self) -> None:
        """Sends until the tracker is closed and everything is settled or kept."""
        try:
            while self._has_work():
                reason, asked = self._round()
                if reason is None:
                    self._state.back()
                    continue
                failures = self._state.failed(reason, asked is not None)
                if self._state.closing and (failures >= AWAY_AFTER or asked is not None):
                    break
                self._pause(failures, asked)
        finally:
            self.left = self._state.finish()
            self._transport.close()

    def _has_work(self) -> bool:
        """Waits until there is something to send; `False` once the tracker is closed and nothing is left."""
        state, batching = self._state, self._state.batching
        with state.changed:
            state.changed.wait_for(lambda: state.front < state.end or state.closing)

            def due() -> bool:
                full = state.stats.waiting >= batching.max_events
                return state.front < state.urgent_below or full or state.closing

            state.changed.wait_for(due, batching.linger)
            return state.front < state.end

    def _round(self) -> tuple[str | None, int | None]:
        """Sends one request. Returns why the ledger takes nothing, and how long it asks to wait."""
        state = self._state
        with state.changed:
            state.try_now = False
        try:
            events, set_aside = state.use(self._next)
        except SpoolError as error:
            return str(error), None
        for line in set_aside:
            state.trouble(line)
        if not events:
            return None, None
        with state.changed:
            state.stats.requests += 1
        judged, asked = self._send(events)
        self._at_most = max(len(events) // 2, 1) if judged.divide else state.batching.max_events
        keep = [fate is None for fate in judged.fates]
        reason = judged.away
        # First this: a flush ends when they are gone, and has to know the position.
        state.tell(events, judged.fates, judged.position)
        try:
            state.use(lambda store: self._settle(store, keep))
        except SpoolError as error:
            # What is settled and not gone is sent again, and is a duplicate.
            reason = reason or str(error)
        return reason, asked

    def _next(self, store: Store) -> tuple[list[Outgoing], list[SetAside]]:
        batching = self._state.batching
        events = store.peek(self._at_most, batching.max_bytes)
        count = fitting([(event.task, len(event.json)) for event in events], batching.max_bytes)
        return events[:count], store.take_set_aside()

    def _send(self, events: Sequence[Outgoing]) -> tuple[Judged, int | None]:
        body = b'{"events":[' + b",".join(event.json for event in events) + b"]}"
        asked = None
        try:
            answer = self._transport.send("POST", "/v1/events", body)
            asked = answer.retry_after
            return judge(events, answer.value()), asked
        except TollgateError as error:
            return judge(events, error), asked

    def _settle(self, store: Store, keep: Sequence[bool]) -> None:
        if self._transport.ledger is not None:
            store.is_for(self._transport.ledger)
        store.settle(keep)

    def _pause(self, failures: int, asked: int | None) -> None:
        """Waits before the next try. A flush or close shortens the wait, unless the ledger asked for it."""
        state = self._state
        deadline = time.monotonic() + self._backoff.delay(failures, secrets.randbits(64), asked)
        with state.changed:
            was_closing = state.closing

            def goes_on() -> bool:
                return (state.try_now and asked is None) or (state.closing and not was_closing)

            state.changed.wait_for(goes_on, max(deadline - time.monotonic(), 0))
