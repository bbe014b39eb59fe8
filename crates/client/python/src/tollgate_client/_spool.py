"""Events that wait on disk until the ledger has them.

A directory of segments, `%020d.spool`, each a file of lines: `CRC-32 as 8 hex digits, a space, the event's JSON, a line
feed`. It is the spool of the client in Rust: either delivers what the other left. Events are only ever written after
the last line, and are durable once `append` returns. A segment is deleted when all of its events are settled; after a
crash, one that was partly delivered is delivered again: its events keep their ids, so the ledger counts them once.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ._errors import SpoolError
from ._events import Outgoing
from ._lock import DirectoryLock, sync_dir
from ._store import SetAside, first, settled

#: A segment of this many bytes is no longer written to: space is freed in steps of this size.
_SEGMENT_BYTES = 1 << 20


@dataclass(frozen=True)
class SpoolOptions:
    """Where events wait, and how many bytes of them may."""

    #: A directory used by this tracker alone; created if missing.
    dir: str | os.PathLike[str]
    #: The most bytes of events: about a million.
    max_bytes: int = 256 << 20


@dataclass
class _Segment:
    number: int
    size: int


class Spool:
    """The spool of one tracker, locked against others until closed. Places are bytes since it was opened."""

    def __init__(self, options: SpoolOptions) -> None:
        self._dir = Path(options.dir)
        self._max_bytes = options.max_bytes
        self._window: deque[tuple[int, Outgoing]] = deque()
        self._set_aside: list[SetAside] = []
        self._back: int | None = None
        #: What was read of the first segment, in bytes and lines.
        self._read = self._read_lines = 0
        #: Where the first segment begins.
        self._begin = self.end = self.waiting = 0
        try:
            self._dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _failed("making spool directory", self._dir, error) from error
        self._lock = DirectoryLock(self._dir)
        try:
            self._segments = self._found()
            self._next_number = self._segments[-1].number + 1 if self._segments else 1
            self.ledger = self._read_ledger()
            if not self._segments:
                # Events from here on are for the ledger that answers next.
                self.is_for(None)
        except BaseException:
            self._lock.release()
            raise

    @property
    def front(self) -> int:
        return self._window[0][0] if self._window else self._begin + self._read

    @property
    def kept_bytes(self) -> int:
        return sum(segment.size for segment in self._segments) if self.waiting else 0

    def append(self, events: Sequence[Outgoing]) -> None:
        """The events survive power loss when this returns. After an error none of them is in the spool, as far as the
        file system allows, and sending one twice does no harm."""
        lines = b"".join(line(event) for event in events)
        held = sum(segment.size for segment in self._segments)
        if held + len(lines) > self._max_bytes:
            raise SpoolError(
                f"writing {len(lines)} bytes to spool {self._dir}: it holds {held} of at most {self._max_bytes} bytes; "
                "bring the ledger back, or allow more"
            )
        back = self._writable()
        segment = self._segments[-1]
        try:
            written = 0
            while written < len(lines):
                written += os.write(back, lines[written:])
            _sync(back)
        except OSError as error:
            self._take_back(back, segment)
            raise _failed("writing spool segment", self._path(segment.number), error) from error
        segment.size += len(lines)
        self.end += len(lines)
        self.waiting += len(events)

    def peek(self, events: int, max_bytes: int) -> list[Outgoing]:
        while self._segments and self._segments[0].size:
            if len(self._window) < events and self._read < self._segments[0].size:
                self._load()
            if self._window:
                return first(self._window, events, max_bytes)
            # None of its lines could be read.
            self._finish()
        return []

    def settle(self, keep: Sequence[bool]) -> None:
        gone = settled(self._window, keep)
        self.waiting -= len(gone)
        if not self._window and self._segments and self._read == self._segments[0].size:
            self._finish()

    def is_for(self, ledger: str | None) -> None:
        """Records durably which ledger the events are for."""
        if ledger == self.ledger:
            return
        path = self._dir / "ledger"
        try:
            if ledger is None:
                path.unlink(missing_ok=True)
            else:
                new = self._dir / "ledger.new"
                file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                try:
                    os.write(file, ledger.encode())
                    os.fsync(file)
                finally:
                    os.close(file)
                os.replace(new, path)
            sync_dir(self._dir)
        except OSError as error:
            raise _failed("noting the ledger of the spool in", path, error) from error
        self.ledger = ledger

    def take_set_aside(self) -> list[SetAside]:
        found, self._set_aside = self._set_aside, []
        return found

    def close(self) -> None:
        if self._back is not None:
            os.close(self._back)
            self._back = None
        self._lock.release()

    def _found(self) -> deque[_Segment]:
        """The segments of an earlier process, oldest first, without the line that a crash tore."""
        segments = deque[_Segment]()
        try:
            for path in sorted(self._dir.glob("*.spool")):
                if not re.fullmatch("[0-9]{20}", path.stem):
                    continue
                content = path.read_bytes()
                whole = content.rfind(b"\n") + 1
                if whole < len(content):
                    with open(path, "r+b") as file:
                        file.truncate(whole)
                        os.fsync(file.fileno())
                if whole == 0:
                    path.unlink()
                    continue
                segments.append(_Segment(int(path.stem), whole))
                self.end += whole
                self.waiting += content.count(b"\n", 0, whole)
        except OSError as error:
            raise _failed("reading spool", self._dir, error) from error
        return segments

    def _read_ledger(self) -> str | None:
        path = self._dir / "ledger"
        try:
            epoch = path.read_text("ascii", "replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failed("reading the ledger of the spool in", path, error) from error
        if not re.fullmatch("[0-9a-fA-F]+", epoch):
            raise SpoolError(f"reading the ledger of the spool in {path}: it names none; delete it to send to any")
        return epoch

    def _writable(self) -> int:
        if self._back is not None and self._segments and self._segments[-1].size < _SEGMENT_BYTES:
            return self._back
        if self._back is not None:
            os.close(self._back)
            self._back = None
        path = self._path(self._next_number)
        try:
            back = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            sync_dir(self._dir)
        except OSError as error:
            raise _failed("making spool segment", path, error) from error
        self._segments.append(_Segment(self._next_number, 0))
        self._next_number += 1
        self._back = back
        return back

    def _take_back(self, back: int, segment: _Segment) -> None:
        """Cuts off what was partly written. The next events get a new file in any case."""
        self._back = None
        try:
            os.ftruncate(back, segment.size)
            os.close(back)
            if segment.size == 0:
                self._path(segment.number).unlink()
        except OSError:
            # What is behind the size that is known is never read, and is cut by the next process.
            pass
        if segment.size == 0:
            self._segments.pop()

    def _load(self) -> None:
        """Reads what is not read yet of the first segment."""
        segment = self._segments[0]
        path = self._path(segment.number)
        try:
            with open(path, "rb") as file:
                file.seek(self._read)
                content = file.read(segment.size - self._read)
        except OSError as error:
            raise _failed("reading spool segment", path, error) from error
        at, unreadable = self._begin + self._read, []
        for text in content[:-1].split(b"\n"):
            self._read_lines += 1
            try:
                self._window.append((at, event_of(text)))
            except ValueError as error:
                unreadable.append((self._read_lines, text, str(error)))
            at += len(text) + 1
        self._read = segment.size
        self._keep_aside(path, unreadable)
        self.waiting -= len(unreadable)

    def _keep_aside(self, segment: Path, lines: list[tuple[int, bytes, str]]) -> None:
        """Puts unreadable lines where a person can find them."""
        if not lines:
            return
        path = self._dir / "set-aside"
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(file, "ab") as out:
                for number, text, reason in lines:
                    out.write(f"# {segment} line {number}: {reason}\n".encode() + text + b"\n")
                out.flush()
                os.fsync(out.fileno())
            sync_dir(self._dir)
        except OSError as error:
            raise _failed("setting unreadable lines aside in", path, error) from error
        for number, _, reason in lines:
            self._set_aside.append(SetAside(str(segment), number, reason, str(path)))

    def _finish(self) -> None:
        """Deletes the first segment: all of it is settled."""
        segment = self._segments[0]
        if len(self._segments) == 1 and self._back is not None:
            os.close(self._back)
            self._back = None
        try:
            self._path(segment.number).unlink(missing_ok=True)
        except OSError as error:
            raise _failed("deleting spool segment", self._path(segment.number), error) from error
        self._segments.popleft()
        self._begin += segment.size
        self._read = self._read_lines = 0

    def _path(self, number: int) -> Path:
        return self._dir / f"{number:020d}.spool"


def line(event: Outgoing) -> bytes:
    """An event as a line."""
    return b"%08x %s\n" % (zlib.crc32(event.json), event.json)


def event_of(text: bytes) -> Outgoing:
    """The event of a line without its line feed. Raises `ValueError` with the reason if it is none."""
    sum, space, content = text.partition(b" ")
    if not space:
        raise ValueError("it has no sum before its JSON")
    found = b"%08x" % zlib.crc32(content)
    if sum != found:
        raise ValueError(f"its sum says {sum[:16]!r}, its content has {found!r}")
    event = json.loads(content)
    if not isinstance(event, dict) or not all(isinstance(event.get(name), str) for name in ("id", "task")):
        raise ValueError("it is no event: it has no id and task")
    return Outgoing(event["id"], event["task"], content)


def _sync(file: int) -> None:
    # The size of the file is synced with it.
    getattr(os, "fdatasync", os.fsync)(file)


def _failed(what: str, path: Path, error: OSError) -> SpoolError:
    return SpoolError(f"{what} {path}: {error.strerror or error}")
