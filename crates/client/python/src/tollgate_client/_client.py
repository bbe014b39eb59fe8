"""The API as typed calls. A call that fails for a reason that passes is tried again, under the same name."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Union, cast
from urllib.parse import quote

from ._backoff import Backoff
from ._errors import InvalidField, TollgateError
from ._events import new_id, phase_name, to_json
from ._http import Timeouts, Transport
from ._types import Allocation, Appended, Check, GateDecision
from ._usage import whole

#: Money in US dollars, exact: a decimal text, a `Decimal` or a whole number. A `float` is refused.
Usd = Union[str, Decimal, int]


class Client:
    """Calls to one ledger: the one that answered first. Threads may share it."""

    def __init__(
        self,
        url: str,
        *,
        tenant: str | None = None,
        api_key: str | None = None,
        ca_file: str | None = None,
        timeouts: Timeouts = Timeouts(),
        tries: int = 4,
        backoff: Backoff = Backoff(),
    ) -> None:
        """`url` is `http://host:port` or `https://host:port`; `ca_file` has the certificates to trust instead of the
        system's; `api_key` is sent as `Authorization: Bearer`, and is what `TOLLGATE_API_KEY` says if none is given.
        Nothing is sent yet."""
        self._transport = Transport(url, api_key=api_key, ca_file=ca_file, timeouts=timeouts)
        self._tenant = tenant
        self._tries = tries
        self._backoff = backoff

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self._transport.close()

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        tries: int | None = None,
        **query: Any,
    ) -> dict[str, Any]:
        """Any endpoint: `path` below the server, with a query and a body. `timeout`, in seconds, is for all tries."""
        words = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in query.items()
                 if value is not None}  # fmt: skip
        address = path + "".join(
            f"{'&' if nth else '?'}{key}={quote(word, safe='~@:,')}" for nth, (key, word) in enumerate(words.items())
        )
        content = None if body is None else to_json(body)
        deadline = None if timeout is None else time.monotonic() + timeout
        failures = 0
        while True:
            asked = None
            try:
                left = None if deadline is None else max(deadline - time.monotonic(), 0.001)
                answer = self._transport.send(method, address, content, timeout=left)
                asked = answer.retry_after
                return cast("dict[str, Any]", answer.value())
            except TollgateError as error:
                failures += 1
                delay = self._backoff.delay(failures, secrets.randbits(64), asked)
                late = deadline is not None and time.monotonic() + delay >= deadline
                if not error.retryable or failures >= (tries or self._tries) or late:
                    raise
                time.sleep(delay)

    def append(self, events: Sequence[Mapping[str, Any]], *, producer: str | None = None) -> Appended:
        """Appends events, up to 500. Each has an `id`, which makes a retry harmless. For reporting, a `Tracker` is
        better."""
        body = _given(tenant=self._tenant, producer=producer, events=list(events))
        return cast(Appended, self.call("POST", "/v1/events", body))

    def gate(
        self,
        task: str,
        advance_to: str,
        *,
        id: str | None = None,
        producer: str | None = None,
        at_least: str | None = None,
        wait_ms: int | None = None,
        timeout: float | None = None,
        tries: int | None = None,
    ) -> GateDecision:
        """May this task enter a phase, or `completion`? A block is an answer, not an error."""
        body = _given(
            advance_to=advance_of(advance_to), id=id or new_id(), producer=producer, at_least=at_least, wait_ms=wait_ms
        )
        path = f"/v1/tasks/{_segment(task)}/gate"
        answer = self.call("POST", path, body, timeout=timeout, tries=tries, tenant=self._tenant)
        return cast(GateDecision, answer)

    def check(
        self,
        *,
        tokens: int | None = None,
        input_tokens: int | None = None,
        usd: Usd | None = None,
        units: Mapping[str, int] | None = None,
        **of: Any,
    ) -> Check:
        """May this be spent? Nothing is reserved. `of` says what it is for, as in `allocate`."""
        body = self._request(tokens, input_tokens, usd, units, of)
        return cast(Check, self.call("POST", "/v1/check", body))

    def route(
        self,
        models: Sequence[str],
        *,
        tokens: int | None = None,
        input_tokens: int | None = None,
        units: Mapping[str, int] | None = None,
        **of: Any,
    ) -> dict[str, Any]:
        """The cheapest of these models that every policy allows (`chosen`; absent if there is none), and what the
        others would cost. Nothing is reserved. `of` says what it is for, as in `allocate`."""
        body = self._request(tokens, input_tokens, None, units, of)
        return self.call("POST", "/v1/route", {**body, "models": list(models)})

    def allocate(
        self,
        allocation: str | None = None,
        *,
        tokens: int | None = None,
        input_tokens: int | None = None,
        usd: Usd | None = None,
        units: Mapping[str, int] | None = None,
        ttl_s: int | None = None,
        **of: Any,
    ) -> Allocation:
        """Reserves what is about to be spent: under all policies, or not at all. The decision is durable on return; a
        refusal is an answer, too (`state`). `allocation` is its name: choose one that is the same after a crash, then
        the same request gets the first answer and reserves once. Without one, only this call's own tries are one.

        `of` says what it is for: `task`, `phase`, `component`, `provider`, `model`, `labels`, `context`, `priority`,
        `service_tier`, `wait_ms`.
        """
        body = self._request(tokens, input_tokens, usd, units, of)
        body.update(_given(allocation=allocation or new_id(), ttl_s=None if ttl_s is None else whole("ttl_s", ttl_s)))
        return cast(Allocation, self.call("POST", "/v1/allocations", body))

    def allocation(self, allocation: str, *, at_least: str | None = None) -> Allocation:
        """One allocation, and what was used of it. Raises `NotFound` if there is none of this name."""
        path = f"/v1/allocations/{_segment(allocation)}"
        return cast(Allocation, self.call("GET", path, tenant=self._tenant, at_least=at_least))

    def extend(
        self,
        allocation: str,
        *,
        id: str | None = None,
        tokens: int | None = None,
        usd: Usd | None = None,
        ttl_s: int | None = None,
    ) -> Allocation:
        """Makes an allocation larger, or lets it last longer. Raises `Refused` if a policy does not allow it."""
        body = _given(tenant=self._tenant, id=id or new_id(), usd=None if usd is None else money(usd))
        for field, count in (("tokens", tokens), ("ttl_s", ttl_s)):
            if count is not None:
                body[field] = whole(field, count)
        return cast(Allocation, self.call("POST", f"/v1/allocations/{_segment(allocation)}/extend", body))

    def release(self, allocation: str, *, author: str | None = None) -> Allocation:
        """Sets free what an allocation has left. What was used of it stays used."""
        body = _given(tenant=self._tenant, author=author)
        return cast(Allocation, self.call("POST", f"/v1/allocations/{_segment(allocation)}/release", body))

    def task(self, task: str, *, at_least: str | None = None) -> dict[str, Any]:
        """The status of a task: its phases, tokens and limits."""
        return self.call("GET", f"/v1/tasks/{_segment(task)}", tenant=self._tenant, at_least=at_least)

    def position(self) -> str:
        """How far the log is. Any key may ask: before its work a program learns whether address, certificate and key
        are right, by `NoAnswer`, `Untrusted` or `NotAllowed` if they are not."""
        return cast(str, self.call("GET", "/v1/position")["position"])

    def health(self) -> dict[str, Any]:
        """How the ledger is."""
        return self.call("GET", "/v1/health")

    def _request(
        self,
        tokens: int | None,
        input_tokens: int | None,
        usd: Usd | None,
        units: Mapping[str, int] | None,
        of: Mapping[str, Any],
    ) -> dict[str, Any]:
        body = _given(tenant=self._tenant, **of)
        for field, count in (("tokens", tokens), ("input_tokens", input_tokens)):
            if count is not None:
                body[field] = whole(field, count)
        if usd is not None:
            body["usd"] = money(usd)
        if units:
            body["units"] = {unit: whole(f"units.{unit}", count) for unit, count in units.items()}
        return body


def money(usd: Usd) -> str:
    """An amount as a decimal text."""
    if isinstance(usd, bool) or not isinstance(usd, (str, int, Decimal)):
        raise InvalidField("usd", usd, "must be a decimal text, a Decimal or a whole number: a float is not exact")
    return f"{usd:f}" if isinstance(usd, Decimal) else str(usd)


def advance_of(advance_to: str) -> str:
    """Where the gate is asked to: a phase, or `completion`."""
    return "completion" if advance_to.lower() == "completion" else phase_name(advance_to, "advance_to")


def _given(**fields: Any) -> dict[str, Any]:
    return {field: value for field, value in fields.items() if value is not None}


def _segment(text: str) -> str:
    return quote(text, safe="~@:,")
