"""Positions of the log: an epoch, and a sequence for each partition."""

from __future__ import annotations


def merged(known: str | None, new: str) -> str:
    """A position that covers both, or the new one if it is of another log."""
    if known is None or known.partition("@")[0] != new.partition("@")[0]:
        return new
    epoch, _, ours = known.partition("@")
    reached: dict[int, int] = {}
    for part in f"{ours},{new.partition('@')[2]}".split(","):
        if part:
            partition, _, sequence = part.partition(":")
            reached[int(partition)] = max(reached.get(int(partition), 0), int(sequence))
    return epoch + "@" + ",".join(f"{partition}:{reached[partition]}" for partition in sorted(reached))
