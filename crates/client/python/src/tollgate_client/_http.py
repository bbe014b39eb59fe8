"""HTTP/1.1 to one server: a few kept connections, TLS, a key, and one ledger and no other."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ._backoff import retry_after
from ._errors import InvalidField, NoAnswer, TollgateError, UnreadableAnswer, Untrusted, problem_of

#: The largest answer that is read, in bytes.
MAX_ANSWER_BYTES = 64 << 20

_KEPT_CONNECTIONS = 8
_LEDGER = "tollgate-ledger"

#: Has the key of a program that gives none.
_KEY_VARIABLE = "TOLLGATE_API_KEY"


@dataclass(frozen=True)
class Timeouts:
    """Timeouts of requests, in seconds: to connect, and for the whole answer."""

    connect: float = 5.0
    answer: float = 90.0


@dataclass(frozen=True)
class Answer:
    """A status, a body, and how long the ledger asks to wait before the next try, in seconds."""

    endpoint: str
    status: int
    body: bytes
    retry_after: int | None

    def value(self) -> Any:
        """The body of a success. Raises the error that anything else stands for."""
        try:
            # No number of an answer is ever a binary float.
            value = json.loads(self.body, parse_float=str)
        except ValueError:
            value = None
        if 200 <= self.status < 300 and isinstance(value, dict):
            return value
        if self.status >= 300 and _is_problem(value):
            raise problem_of({**value, "status": self.status})
        raise UnreadableAnswer(self.endpoint, self.status, self.body.decode("utf-8", "replace")[:80])


def _is_problem(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    texts = all(isinstance(value.get(field), str) for field in ("code", "detail"))
    return texts and isinstance(value.get("retryable"), bool)


class Transport:
    """Requests to the ledger that answered first, over connections that are kept. Threads may share it."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        ca_file: str | None = None,
        timeouts: Timeouts = Timeouts(),
        ledger: str | None = None,
    ) -> None:
        self._host, self._port, tls = _address(url)
        if ca_file is not None and not tls:
            raise InvalidField("url", url, "must begin with https:// where a ca_file is given")
        self._tls = _trusting(ca_file) if tls else None
        self._trusted = "the system's certificates" if ca_file is None else f"the certificates in {ca_file}"
        self._base = f"{'https' if tls else 'http'}://{self._host}:{self._port}"
        self._timeouts = timeouts
        self._headers = {"Accept": "application/json", "Content-Type": "application/json"}
        named = "api_key"
        if api_key is None:
            named, api_key = _KEY_VARIABLE, os.environ.get(_KEY_VARIABLE) or None
        if api_key is not None:
            if not api_key or not all("!" <= c <= "~" for c in api_key):
                # The key itself is not shown.
                raise InvalidField(named, "…", "must hold only visible ASCII characters")
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._start()
        #: The ledger that answered first, by the epoch of its log: all requests are for it from then on.
        self.ledger = ledger

    def _start(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []

    def send(
        self,
        method: str,
        address: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Sends a request. Raises `NoAnswer` if there is none: it may have been carried out nevertheless."""
        if self._process != os.getpid():
            # A child that was forked: what is said on its parent's connections is for its parent.
            self._start()
        sent = {**self._headers, **(headers or {})}
        if self.ledger is not None:
            sent[_LEDGER] = self.ledger
        deadline = time.monotonic() + (self._timeouts.answer if timeout is None else timeout)
        while True:
            connection, fresh = self._connection()
            try:
                answer = self._exchange(connection, method, address, body, sent, deadline)
            except (OSError, http.client.HTTPException, TollgateError) as error:
                connection.close()
                if isinstance(error, ssl.SSLCertVerificationError):
                    raise Untrusted(method, self._base + address, error.verify_message, self._trusted) from error
                gone = isinstance(error, (ConnectionError, http.client.BadStatusLine))
                # A kept connection that the server has closed meanwhile: the same again on a new one.
                if fresh or not gone:
                    raise NoAnswer(method, self._base + address, _reason(error)) from error
                continue
            return answer

    def close(self) -> None:
        """Closes what is kept."""
        if self._process != os.getpid():
            self._start()
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        with self._lock:
            if self._idle:
                return self._idle.pop(), False
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, context=self._tls), True
        return http.client.HTTPConnection(self._host, self._port), True

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        address: str,
        body: bytes | None,
        headers: Mapping[str, str],
        deadline: float,
    ) -> Answer:
        def left() -> float:
            seconds = deadline - time.monotonic()
            if seconds <= 0:
                raise TimeoutError("no whole answer in time")
            return seconds

        if connection.sock is None:
            connection.timeout = min(self._timeouts.connect, left())
            connection.connect()
        connection.sock.settimeout(left())
        connection.request(method, address, body=body, headers=dict(headers))
        connection.sock.settimeout(left())
        response = connection.getresponse()
        parts, size = [], 0
        while part := response.read1(1 << 16):
            parts.append(part)
            size += len(part)
            if size > MAX_ANSWER_BYTES:
                raise http.client.HTTPException(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
            if connection.sock is not None:
                connection.sock.settimeout(left())
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        # Not every version of Python does so at the last byte, and a connection is not used again without.
        response.close()
        self._learn(response.headers.get(_LEDGER))
        asked = retry_after(response.headers.get("Retry-After"))
        answer = Answer(f"{method} {address}", response.status, b"".join(parts), asked)
        self._keep(connection, response)
        return answer

    def _keep(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        with self._lock:
            if not response.will_close and len(self._idle) < _KEPT_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()

    def _learn(self, named: str | None) -> None:
        epoch = (named or "").partition("/")[0]
        with self._lock:
            if epoch and self.ledger is None:
                self.ledger = epoch


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        rule = f"must be a readable file of certificates in PEM form: {error.strerror or error}"
        raise InvalidField("ca_file", ca_file, rule) from error


def _address(url: str) -> tuple[str, int, bool]:
    rule = None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        rule = "must begin with http:// or https://"
    elif "@" in parts.netloc:
        rule = "must hold no user or password: a key is sent in a header"
        url = "…"
    elif parts.path not in ("", "/") or parts.query or parts.fragment:
        rule = "must have no path"
    elif not parts.hostname:
        rule = "must name a host"
    if rule is not None:
        raise InvalidField("url", url, f"{rule}, for example http://127.0.0.1:7070")
    try:
        port = parts.port
    except ValueError as error:
        raise InvalidField("url", url, f"must have a port from 1 to 65535: {error}") from error
    tls = parts.scheme == "https"
    return str(parts.hostname), port or (443 if tls else 80), tls
