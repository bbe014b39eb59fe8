"""Where events wait until the ledger has them: in memory, or in a spool."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ._errors import QueueFull
from ._events import Outgoing


@dataclass(frozen=True)
class SetAside:
    """A line of a spool that could not be read. It is in the file `lies_in` now."""

    segment: str
    line: int
    reason: str
    lies_in: str


class Store(Protocol):
    """Events in the order of their reports. Places in it only grow, over all that ever was in it. One thread at a
    time may use it."""

    #: The place after the last event.
    end: int

    @property
    def front(self) -> int:
        """The place before the first event that is not settled."""

    @property
    def waiting(self) -> int:
        """How many events wait."""

    @property
    def kept_bytes(self) -> int:
        """How many bytes of them are kept on disk."""

    def append(self, events: Sequence[Outgoing]) -> None:
        """Puts events after all others, or none of them."""

    def peek(self, events: int, max_bytes: int) -> list[Outgoing]:
        """The first events, up to so many and so many bytes; at least one if any waits."""

    def settle(self, keep: Sequence[bool]) -> None:
        """Removes the first events; `keep` says for each whether it stays."""

    def is_for(self, ledger: str | None) -> None:
        """Records which ledger the events are for."""

    def take_set_aside(self) -> list[SetAside]:
        """Lines that could not be read since the last call."""

    def close(self) -> None:
        """Nothing is done with it any more."""


class Memory:
    """Events in memory, up to a bound. They are lost with the process."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._events: deque[tuple[int, Outgoing]] = deque()
        self._bytes = 0
        self.end = 0
        self.kept_bytes = 0

    @property
    def front(self) -> int:
        return self._events[0][0] if self._events else self.end

    @property
    def waiting(self) -> int:
        return len(self._events)

    def append(self, events: Sequence[Outgoing]) -> None:
        size = sum(len(event.json) for event in events)
        if self.waiting + len(events) > self._max_events or self._bytes + size > self._max_bytes:
            raise QueueFull(
                f"queueing event `{events[0].id}` of task `{events[0].task}`: {self.waiting} events with "
                f"{self._bytes} bytes wait already, and at most {self._max_events} events or {self._max_bytes} bytes "
                "may; bring the ledger back, or give the tracker a spool"
            )
        for event in events:
            self._events.append((self.end, event))
            self.end += 1
        self._bytes += size

    def peek(self, events: int, max_bytes: int) -> list[Outgoing]:
        return first(self._events, events, max_bytes)

    def settle(self, keep: Sequence[bool]) -> None:
        gone = settled(self._events, keep)
        self._bytes -= sum(len(event.json) for event in gone)

    def is_for(self, ledger: str | None) -> None:
        pass

    def take_set_aside(self) -> list[SetAside]:
        return []

    def close(self) -> None:
        pass


def first(waiting: deque[tuple[int, Outgoing]], events: int, max_bytes: int) -> list[Outgoing]:
    """The first events, up to so many and so many bytes; at least one if there is any."""
    found: list[Outgoing] = []
    room = max_bytes
    for _, event in waiting:
        room -= len(event.json)
        if len(found) == events or (found and room < 0):
            break
        found.append(event)
    return found


def settled(waiting: deque[tuple[int, Outgoing]], keep: Sequence[bool]) -> list[Outgoing]:
    """Takes the first events out, but for those to keep; returns those that are gone."""
    looked_at = [waiting.popleft() for _ in keep]
    waiting.extendleft(reversed([one for one, stays in zip(looked_at, keep) if stays]))
    return [event for (_, event), stays in zip(looked_at, keep) if not stays]
