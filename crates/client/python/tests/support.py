"""A real server in a directory of its own, servers that answer by a script, and the shared cases."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable

ROOT = Path(os.environ.get("TOLLGATE_ROOT") or Path(__file__).resolve().parents[4])
SOURCE = Path(__file__).resolve().parents[1] / "src"


def cases(file: str, name: str = "cases") -> list[dict[str, Any]]:
    """A list of the cases that the clients of all languages share."""
    found: list[dict[str, Any]] = json.loads((ROOT / "crates/client/cases" / file).read_text("utf-8"))[name]
    assert len(found) > 4, file
    return found


def binary() -> str:
    """The server's program. Skips the test where it was not built."""
    found = os.environ.get("TOLLGATE_BIN") or shutil.which("tollgate", path=str(ROOT / "target/debug"))
    if not found:
        raise unittest.SkipTest("tollgate is not built: cargo build, or set TOLLGATE_BIN")
    return found


class Place(unittest.TestCase):
    """A test with a directory of its own, and the servers in it."""

    def setUp(self) -> None:
        self.dir = tempfile.mkdtemp(prefix="tollgate-client-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def path(self, name: str) -> str:
        return os.path.join(self.dir, name)

    def serve(self, data: str = "data", port: int = 0) -> Server:
        server = Server(self.path(data), port)
        self.addCleanup(server.kill)
        return server

    def tokens(self, server: Server, task: str, at_least: str = "tail") -> int:
        """All tokens of a task, up to a position."""
        from tollgate_client import Client

        with Client(server.url) as client:
            found = client.task(task, at_least=at_least)["tokens"]["total"]
        assert isinstance(found, int)
        return found


class Server:
    """`tollgate serve`, from its ready line until it is killed."""

    def __init__(self, data: str, port: int = 0) -> None:
        self.reading: threading.Thread | None = None
        command = [binary(), "--data", data, "serve", "--listen", f"127.0.0.1:{port}"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TOLLGATE_")}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
            cwd=os.path.dirname(data), **ends_with_us()
        )  # fmt: skip
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if ready := re.search(rb" at (http://\S+:([0-9]+)),", line):
                self.url, self.port = ready[1].decode(), int(ready[2])
                # What it says later must not fill the pipe.
                self.reading = threading.Thread(target=self.process.stdout.read, daemon=True)
                self.reading.start()
                return
        raise AssertionError(f"{command} ended with {self.process.wait()} before it served")

    def kill(self) -> None:
        """As a crash does."""
        self.process.kill()
        self.process.wait()
        if self.reading is not None:
            # Its end of the pipe is closed with it.
            self.reading.join()
            self.reading = None
        if self.process.stdout is not None:
            self.process.stdout.close()


def python(program: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    """A program that uses the client, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(SOURCE), **environment},
        **ends_with_us(),
    )


def ends_with_us() -> dict[str, Any]:
    """On Linux a process of a test ends with the test, whatever ends that."""
    if not sys.platform.startswith("linux"):
        return {}
    import ctypes

    libc = ctypes.CDLL(None)
    return {"preexec_fn": lambda: libc.prctl(1, signal.SIGKILL)}


class Scripted:
    """A server that answers by a script: from a request to status, headers and body, or `None` for no answer."""

    def __init__(self, script: Callable[[str, dict[str, str], bytes], tuple[int, dict[str, str], bytes] | None]) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        seen = self.requests

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = (f"{self.command} {self.path}", dict(self.headers), body)
                seen.append(request)
                answer = script(*request)
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, content = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


def closed_address() -> str:
    """An address that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
