"""What a model call used: tokens by kind and other units, as whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ._errors import InvalidField

#: Largest count of one kind in one event.
MAX_COUNT = 10**12

#: Units that are a part of a kind of tokens.
_OF_INPUT = ("input_audio_tokens", "input_image_tokens")
_OF_OUTPUT = ("output_audio_tokens", "output_image_tokens")

#: What calls are billed for besides tokens.
UNITS = frozenset(
    (
        "input_characters", "output_characters", "input_images", "output_images", "input_pixels", "output_pixels",
        "input_ms", "output_ms", "input_audio_ms", "input_video_ms", "output_video_ms", "pages", "annotated_pages",
        "queries", "requests", *_OF_INPUT, *_OF_OUTPUT,
    )
)  # fmt: skip


def whole(field_name: str, value: object, most: int | None = None) -> int:
    """A count: a whole number from 0. A flag or a float is none, whatever it equals."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidField(field_name, value, "must be a whole number from 0")
    if most is not None and value > most:
        raise InvalidField(field_name, value, f"must be at most {most}, the most one event may hold")
    return value


@dataclass(frozen=True)
class Tokens:
    """Tokens of one call by kind. The kinds do not overlap, except that `reasoning` is a part of `output` and
    `cache_write_1h` a part of `cache_write`."""

    #: Input that was neither read from nor written to a cache.
    input_uncached: int = 0
    #: Input read from a cache.
    cached_input: int = 0
    #: Input written to a cache.
    cache_write: int = 0
    #: Output, reasoning included.
    output: int = 0
    #: The part of `output` spent on reasoning.
    reasoning: int = 0
    #: The part of `cache_write` that the cache keeps for an hour.
    cache_write_1h: int = 0

    @property
    def total(self) -> int:
        """All tokens, each counted once."""
        return self.input_uncached + self.cached_input + self.cache_write + self.output

    def check(self, path: str = "tokens") -> None:
        """Raises `InvalidField` if no call can have used this."""
        for kind in fields(self):
            whole(f"{path}.{kind.name}", getattr(self, kind.name), MAX_COUNT)
        if self.reasoning > self.output:
            rule = f"must not be above tokens.output ({self.output}): reasoning is a part of output"
            raise InvalidField(f"{path}.reasoning", self.reasoning, rule)
        if self.cache_write_1h > self.cache_write:
            rule = f"must not be above tokens.cache_write ({self.cache_write}): it is a part of cache_write"
            raise InvalidField(f"{path}.cache_write_1h", self.cache_write_1h, rule)

    def to_json(self) -> dict[str, int]:
        """As the ledger expects it: every kind, and the part of an hour where there is one."""
        counts = {kind.name: getattr(self, kind.name) for kind in fields(self)}
        if not self.cache_write_1h:
            del counts["cache_write_1h"]
        return counts


@dataclass(frozen=True)
class Usage:
    """What one model call used, and what it was for. `dataclasses.replace` sets what a response does not say."""

    #: The phase it belongs to; without one it counts in the task's totals only.
    phase: str | None = None
    #: Which attempt of the phase; the latest one if absent.
    attempt: int | None = None
    provider: str | None = None
    #: Which model; without it there is no price.
    model: str | None = None
    #: Which part of the caller made the call.
    component: str | None = None
    #: The provider's id of the call.
    request_id: str | None = None
    service_tier: str | None = None
    #: The allocation that the call uses.
    allocation: str | None = None
    #: The context whose open allocation it uses.
    context: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    tokens: Tokens = Tokens()
    #: What else the call is billed for, by unit.
    units: Mapping[str, int] = field(default_factory=dict)
    #: Whether the counts are an estimate.
    is_estimate: bool = False

    @classmethod
    def estimated(cls, prompt_chars: int, completion_chars: int, **of: Any) -> Usage:
        """Usage that no model reported, from the number of characters: a quarter of them, rounded up."""
        prompt, completion = whole("prompt_chars", prompt_chars), whole("completion_chars", completion_chars)
        output = -(-completion // 4)
        tokens = Tokens(input_uncached=-(-(prompt + completion) // 4) - output, output=output)
        return cls(tokens=tokens, is_estimate=True, **of)

    def check(self) -> None:
        """Raises `InvalidField` if the ledger would refuse the counts."""
        self.tokens.check("usage_recorded.tokens")
        for unit, count in self.units.items():
            path = f"usage_recorded.units.{unit}"
            if unit not in UNITS:
                raise InvalidField(path, count, "is no unit that the ledger knows")
            whole(path, count, MAX_COUNT)
        shown = self.tokens.output - self.tokens.reasoning
        for parts, left in ((_OF_INPUT, self.tokens.input_uncached), (_OF_OUTPUT, shown)):
            for unit in parts:
                left -= self.units.get(unit, 0)
                if left < 0:
                    rule = "must not be above the tokens that it is a part of"
                    raise InvalidField(f"usage_recorded.units.{unit}", self.units[unit], rule)
