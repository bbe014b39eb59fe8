"""How long to wait between tries: doubling up to a longest wait, with full jitter, after what was asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Longest `Retry-After` that is honoured, in seconds: a longer one is a mistake, and events would pile up.
MAX_RETRY_AFTER = 300


@dataclass(frozen=True)
class Backoff:
    """How waits between tries grow, in seconds."""

    #: The longest wait after the first failure.
    first: float = 0.1
    #: The longest wait after any.
    longest: float = 10.0

    def delay(self, failures: int, random: int, asked: int | None = None) -> float:
        """The wait after `failures` failures in a row, from 1: any time up to the doubled one, by `random`, in
        addition to what the ledger asked for with `Retry-After`."""
        doubled = min(round(self.first * 1e6) << min(failures - 1, 20), round(self.longest * 1e6))
        return (asked or 0) + random % (doubled + 1) / 1e6


def retry_after(header: str | None) -> int | None:
    """`Retry-After` in seconds; ledgers do not use the date form."""
    text = (header or "").strip()
    return min(int(text), MAX_RETRY_AFTER) if re.fullmatch("[0-9]{1,9}", text) else None
