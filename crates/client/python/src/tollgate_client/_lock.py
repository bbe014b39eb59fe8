"""One process a directory: the lock of a spool."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ._errors import SpoolError, SpoolLocked


class DirectoryLock:
    """Locks the directory itself: a lock on a file would be lost with the file's name. The file `lock` is locked too:
    it names the holder. The system lets go of both when the process ends, whatever ends it."""

    def __init__(self, dir: Path) -> None:
        path = dir / "lock"
        self._held: list[int] = []
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            self._held.append(self._file)
            if sys.platform != "win32":
                self._held.append(os.open(dir, os.O_RDONLY))
            for file in reversed(self._held):
                _take(file)
            os.ftruncate(self._file, 0)
            os.write(self._file, f"process {os.getpid()}".encode())
        except (BlockingIOError, PermissionError) as error:
            holder = path.read_text("utf-8", "replace") if path.exists() else ""
            self.release()
            rule = "is used by another tracker" if isinstance(error, BlockingIOError) else str(error)
            raise SpoolLocked(f"locking spool {dir}: it {rule} ({holder}); give each its own directory") from error
        except OSError as error:
            self.release()
            raise SpoolError(f"locking spool {dir}: {error}") from error

    def release(self) -> None:
        """Lets others use the directory."""
        while self._held:
            os.close(self._held.pop())


def _take(file: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        # Far behind the note on who holds it, which others may read.
        os.lseek(file, 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error
        os.lseek(file, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def sync_dir(dir: Path) -> None:
    """Makes names that were made or removed in a directory durable."""
    if sys.platform != "win32":
        file = os.open(dir, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
