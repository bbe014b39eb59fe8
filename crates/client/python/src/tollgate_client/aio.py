"""The tracker for `asyncio`: each call runs in a thread, so that the loop never waits for disk or network."""

from __future__ import annotations

import asyncio
from typing import Any

from ._state import Delivery
from ._tracker import Ended, GateAnswer, Pending, Tracker
from ._types import Allocation, Check
from ._usage import Usage


class AsyncTracker:
    """Takes what `Tracker` takes, and does what it does."""

    def __init__(self, url: str, producer: str, **options: Any) -> None:
        #: The tracker below.
        self.tracker = Tracker(url, producer, **options)

    async def __aenter__(self) -> AsyncTracker:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open_task(self, task: str, **metadata: Any) -> Pending:
        return await asyncio.to_thread(self.tracker.open_task, task, **metadata)

    async def start_phase(self, task: str, phase: str) -> Pending:
        return await asyncio.to_thread(self.tracker.start_phase, task, phase)

    async def end_phase(self, task: str, phase: str, attempt: int | None = None) -> Pending:
        return await asyncio.to_thread(self.tracker.end_phase, task, phase, attempt)

    async def close_task(self, task: str, outcome: str = "completed", reason: str | None = None) -> Pending:
        return await asyncio.to_thread(self.tracker.close_task, task, outcome, reason)

    async def report_usage(self, task: str, usage: Usage, **stamp: Any) -> Pending:
        return await asyncio.to_thread(self.tracker.report_usage, task, usage, **stamp)

    async def report(self, task: str, kind: str, body: dict[str, Any], **stamp: Any) -> Pending:
        return await asyncio.to_thread(self.tracker.report, task, kind, body, **stamp)

    async def wait(self, pending: Pending, timeout: float | None = None) -> Delivery:
        """What becomes of an event."""
        return await asyncio.to_thread(pending.wait, timeout)

    async def flush(self, timeout: float | None = None) -> str | None:
        return await asyncio.to_thread(self.tracker.flush, timeout)

    async def gate(self, task: str, advance_to: str) -> GateAnswer:
        return await asyncio.to_thread(self.tracker.gate, task, advance_to)

    async def check(self, **of: Any) -> Check:
        return await asyncio.to_thread(self.tracker.client.check, **of)

    async def allocate(self, allocation: str | None = None, **of: Any) -> Allocation:
        return await asyncio.to_thread(self.tracker.client.allocate, allocation, **of)

    async def settle(self, task: str, usage: Usage, **stamp: Any) -> Allocation:
        return await asyncio.to_thread(self.tracker.settle, task, usage, **stamp)

    async def release(self, allocation: str) -> Allocation:
        return await asyncio.to_thread(self.tracker.client.release, allocation)

    async def close(self) -> Ended:
        return await asyncio.to_thread(self.tracker.close)
