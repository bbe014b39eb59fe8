"""Events as they are sent: checked by the ledger's rules, and the same bytes for every retry."""

from __future__ import annotations

import json
import re
import secrets
import time
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from ._errors import InvalidField
from ._usage import Usage, whole

MAX_ID_BYTES = 128
MAX_TEXT_BYTES = 2000
MAX_NAME_BYTES = 64
MAX_LABELS = 32
MAX_WAIT_MS = 366 * 24 * 60 * 60 * 1000

Body = dict[str, Any]


@dataclass(frozen=True)
class Outgoing:
    """An event in the form that the ledger expects, with the names needed to report about it."""

    id: str
    task: str
    #: Its JSON without line feeds. Never changed afterwards: a retry sends the same bytes.
    json: bytes


def new_id() -> str:
    """A UUID of version 7: ids of one producer sort by time."""
    number = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62
    return f"{number:032x}"


def now() -> str:
    """The present by this machine's clock, as RFC 3339 in UTC."""
    return instant(datetime.now(timezone.utc))


def instant(at: datetime | str) -> str:
    """A time as the ledger reads it. A text is taken as it is."""
    if isinstance(at, str):
        return at
    if at.tzinfo is None:
        raise InvalidField("occurred_at", at, "must have a time zone, for example datetime.now(timezone.utc)")
    at = at.astimezone(timezone.utc)
    fraction = f".{at.microsecond:06d}" if at.microsecond % 1000 else f".{at.microsecond // 1000:03d}"
    return at.strftime("%Y-%m-%dT%H:%M:%S") + (fraction if at.microsecond else "") + "Z"


def to_json(value: object) -> bytes:
    """Compact JSON in UTF-8 with sorted names, as the client in Rust writes it."""
    return json.dumps(_exact(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _exact(value: object) -> object:
    if isinstance(value, float):
        raise InvalidField("number", value, "must be exact: send a whole number, a Decimal or a text")
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        return {key: _exact(one) for key, one in value.items()}
    return [_exact(one) for one in value] if isinstance(value, (list, tuple)) else value


class EventMaker:
    """Makes events of one producer of one tenant."""

    def __init__(self, producer: str, tenant: str, clock: Callable[[], str], ids: Callable[[], str]) -> None:
        self.producer = name("producer", producer)
        if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_-]{0,63}", tenant):
            rule = "must be 1 to 64 of A-Z a-z 0-9 - _ and begin with a letter or digit"
            raise InvalidField("tenant", tenant, rule)
        self.tenant = tenant
        self.clock = clock
        self.ids = ids

    def event(
        self,
        task: str,
        kind: str,
        body: Body,
        *,
        id: str | None = None,
        occurred_at: datetime | str | None = None,
        trace_parent: str | None = None,
    ) -> Outgoing:
        """An event with its id and time, which it keeps."""
        name("task", task)
        id = name("id", id) if id is not None else self.ids()
        at = self.clock() if occurred_at is None else instant(occurred_at)
        event = {"tenant": self.tenant, "task": task, "producer": self.producer, "id": id, "occurred_at": at}
        if trace_parent is not None:
            event["trace_parent"] = trace_parent
        return Outgoing(id, task, to_json({**event, kind: body}))


def task_opened(
    *,
    title: str | None = None,
    complexity: str | None = None,
    importance: str | None = None,
    justification: str | None = None,
    tags: list[str] | None = None,
    labels: Mapping[str, str] | None = None,
    author: str | None = None,
    **more: Any,
) -> Body:
    """Any field of the event may be given; those that are not named here are sent as they are."""
    body = _texts("task_opened", title=title, justification=justification, author=author)
    if complexity is not None:
        body["complexity"] = _word("complexity", complexity, ("Tiny", "Small", "Medium", "Large"))
    if importance is not None:
        body["importance"] = _word("importance", importance, ("low", "medium", "high", "critical"))
    if tags:
        body["tags"] = list(tags)
    body.update(_labels("task_opened", labels))
    body.update({field: value for field, value in more.items() if value is not None})
    return body


def task_closed(outcome: str, reason: str | None = None, author: str | None = None) -> Body:
    word = _word("outcome", outcome, ("completed", "cancelled", "abandoned"))
    return {"outcome": word, **_texts("task_closed", reason=reason, author=author)}


def usage_recorded(usage: Usage) -> Body:
    usage.check()
    kind = "usage_recorded"
    body = execution(usage.phase, usage.attempt)
    body.update(
        _texts(
            kind,
            provider=usage.provider,
            model=usage.model,
            component=usage.component,
            request_id=usage.request_id,
            service_tier=usage.service_tier,
            allocation=usage.allocation,
            context=usage.context,
        )
    )
    units = {unit: count for unit, count in usage.units.items() if count}
    if units:
        body["units"] = units
    if usage.tokens.total or not units:
        body["tokens"] = usage.tokens.to_json()
    if usage.is_estimate:
        body["estimated"] = True
    body.update(_labels(kind, usage.labels))
    return body


def wait_recorded(kind: str, wait_ms: int, phase: str | None = None, attempt: int | None = None) -> Body:
    body = execution(phase, attempt)
    return {**body, "kind": _short("kind", kind), "wait_ms": whole("wait_ms", wait_ms, MAX_WAIT_MS)}


def signal_recorded(
    signal: str, value: int, key: str | None = None, phase: str | None = None, attempt: int | None = None
) -> Body:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidField("value", value, "must be a whole number")
    body = {**execution(phase, attempt), "name": _short("name", signal), "value": value}
    if key is not None:
        body["key"] = _short("key", key)
    return body


def execution(phase: str | None, attempt: int | None) -> Body:
    """The phase, and the attempt of it, that something belongs to."""
    if phase is None:
        if attempt is not None:
            raise InvalidField("attempt", attempt, "needs a phase: attempts are counted per phase")
        return {}
    body: Body = {"phase": phase_name(phase)}
    if attempt is not None:
        if whole("attempt", attempt) == 0:
            raise InvalidField("attempt", attempt, "must be 1 or more: attempts count from 1")
        body["attempt"] = attempt
    return body


def phase_name(phase: str, field: str = "phase") -> str:
    if not re.fullmatch("[A-Za-z][A-Za-z0-9_-]{0,31}", phase):
        raise InvalidField(field, phase, "must be 1 to 32 of A-Z 0-9 _ - and begin with a letter")
    return phase.upper()


def name(field: str, text: str) -> str:
    """A name that the caller chose."""
    if not isinstance(text, str) or not 1 <= len(text.encode("utf-8", "replace")) <= MAX_ID_BYTES:
        raise InvalidField(field, text, f"must be 1 to {MAX_ID_BYTES} bytes of UTF-8")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
        raise InvalidField(field, text, "must have no control characters")
    if text != text.strip():
        raise InvalidField(field, text, "must have no white space at its ends")
    return text


def _texts(kind: str, **texts: str | None) -> Body:
    body: Body = {}
    for field, text in texts.items():
        if text is not None:
            most = MAX_ID_BYTES if field in ("allocation", "context") else MAX_TEXT_BYTES
            body[field] = _bounded(f"{kind}.{field}", text, most)
    return body


def _labels(kind: str, labels: Mapping[str, str] | None) -> Body:
    if not labels:
        return {}
    if len(labels) > MAX_LABELS:
        raise InvalidField(f"{kind}.labels", f"{len(labels)} entries", f"must have at most {MAX_LABELS} entries")
    for key, value in labels.items():
        _bounded(f"{kind}.labels", key)
        _bounded(f"{kind}.labels.{key}", value)
    return {"labels": dict(labels)}


def _bounded(field: str, text: str, most: int = MAX_TEXT_BYTES) -> str:
    if not isinstance(text, str) or not text:
        raise InvalidField(field, text, "must be a text that is not empty: omit it if there is none")
    if len(text.encode("utf-8", "replace")) > most:
        raise InvalidField(field, text, f"must have at most {most} bytes")
    return text


def _short(field: str, text: str) -> str:
    return _bounded(field, text, MAX_NAME_BYTES)


def _word(field: str, text: str, words: tuple[str, ...]) -> str:
    known = {word.lower(): word for word in words}
    if text.lower() not in known:
        raise InvalidField(field, text, f"must be one of {', '.join(words)}")
    return known[text.lower()]
