"""What goes over the wire: addresses, keys, TLS, connections that are kept, waits that are asked for."""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
import time
import unittest
import warnings
from decimal import Decimal
from typing import Any
from unittest import mock

import tollgate_client as tc
from tollgate_client._position import merged

from .support import ROOT, Scripted, closed_address

PROBLEM = {"type": "t", "title": "t", "detail": "d"}
CALL = tc.Usage(model="m", tokens=tc.Tokens(output=1))


def answers(status: int, value: object, **headers: str) -> tuple[int, dict[str, str], bytes]:
    return status, {name.replace("_", "-"): text for name, text in headers.items()}, json.dumps(value).encode()


class Http(unittest.TestCase):
    def scripted(self, script: object) -> Scripted:
        server = Scripted(script)  # type: ignore[arg-type]
        self.addCleanup(server.close)
        return server

    def test_addresses_and_keys_are_checked_and_a_key_is_never_shown(self) -> None:
        for url, rule in (
            ("127.0.0.1:7070", "must begin with http"),
            ("ftp://x", "must begin with http"),
            ("http://x/v1", "must have no path"),
            ("http://", "must name a host"),
            ("http://me:s3cret@x", "no user or password"),
            ("http://x:70700", "must have a port"),
        ):
            with self.subTest(url), self.assertRaisesRegex(tc.InvalidField, rule) as raised:
                tc.Client(url)
            self.assertNotIn("s3cret", str(raised.exception))
        with self.assertRaisesRegex(tc.InvalidField, "visible ASCII") as raised:
            tc.Client("http://x", api_key="s3cret\n")
        self.assertNotIn("s3cret", str(raised.exception))
        with mock.patch.dict(os.environ, TOLLGATE_API_KEY="s3cret "):
            with self.assertRaisesRegex(tc.InvalidField, "TOLLGATE_API_KEY: .*visible ASCII") as raised:
                tc.Client("http://x")
        self.assertNotIn("s3cret", str(raised.exception))
        with self.assertRaisesRegex(tc.InvalidField, "https"):
            tc.Client("http://x", ca_file="ca.pem")
        for ca_file in ("missing.pem", __file__):
            with self.assertRaisesRegex(tc.InvalidField, "ca_file: .*readable file of certificates"):
                tc.Client("https://x", ca_file=ca_file)

    @unittest.skipUnless(hasattr(os, "fork"), "there is no fork here")
    def test_a_forked_child_has_connections_of_its_own(self) -> None:
        answer = b'{"position": "7@0:1"}'
        server = Scripted(lambda *_: (200, {"Content-Type": "application/json"}, answer))
        self.addCleanup(server.close)
        with tc.Client(server.url) as client:

            def connection() -> Any:
                client.position()
                return client._transport._idle[0].sock.getsockname()

            of_parent = connection()
            with warnings.catch_warnings():
                # That is what Python says of a fork beside threads, and what is tried here.
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
            if child == 0:
                code = 1
                try:
                    code = 0 if connection() != of_parent else 2
                finally:
                    os._exit(code)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
            self.assertEqual(connection(), of_parent)

    def test_a_key_that_is_not_given_is_that_of_the_environment(self) -> None:
        server = self.scripted(lambda *_: answers(200, {"position": "a@0:7"}))
        for given, variable, sent in (
            (None, "tg_env", "Bearer tg_env"),
            ("tg_own", "tg_env", "Bearer tg_own"),
            (None, "", None),
        ):
            with self.subTest(given=given, variable=variable), mock.patch.dict(os.environ, TOLLGATE_API_KEY=variable):
                with tc.Client(server.url, api_key=given) as client:
                    self.assertEqual(client.position(), "a@0:7")
                self.assertEqual(server.requests[-1][1].get("Authorization"), sent)

    def test_requests_name_tenant_key_and_the_ledger_that_answered_first(self) -> None:
        server = self.scripted(lambda *_: answers(200, {"state": "open"}, Tollgate_Ledger="07/run-1"))
        with tc.Client(server.url, tenant="acme", api_key="tg_1") as client:
            client.allocate("a/b", usd=Decimal("1E-7"), labels={"team": "ä"}, priority=None)
            client.allocation("a/b", at_least="x@0:1")
            client.release("a/b")
            client.gate("T 1", "completion", id="g-1")
            client.route(["gpt-5", "gpt-5-mini"], tokens=5, task="T-1")
        seen = [(endpoint, body.decode()) for endpoint, _, body in server.requests]
        self.assertEqual(
            seen,
            [
                ("POST /v1/allocations", '{"allocation":"a/b","labels":{"team":"ä"},"tenant":"acme","usd":"0.0000001"}'),
                ("GET /v1/allocations/a%2Fb?tenant=acme&at_least=x@0:1", ""),
                ("POST /v1/allocations/a%2Fb/release", '{"tenant":"acme"}'),
                ("POST /v1/tasks/T%201/gate?tenant=acme", '{"advance_to":"completion","id":"g-1"}'),
                ("POST /v1/route", '{"models":["gpt-5","gpt-5-mini"],"task":"T-1","tenant":"acme","tokens":5}'),
            ],
        )
        headers = [headers for _, headers, _ in server.requests]
        self.assertEqual({one["Authorization"] for one in headers}, {"Bearer tg_1"})
        self.assertEqual([one.get("tollgate-ledger") for one in headers], [None, "07", "07", "07", "07"])

    def test_a_call_that_fails_for_a_while_is_tried_again_under_the_same_name(self) -> None:
        busy = answers(503, {**PROBLEM, "code": "busy", "retryable": True})
        script = iter([busy, None, answers(200, {"state": "open"})])
        server = self.scripted(lambda *_: next(script))
        with tc.Client(server.url, backoff=tc.Backoff(0.001, 0.001)) as client:
            client.allocate(tokens=5)
        bodies = [body for _, _, body in server.requests]
        self.assertEqual(len(bodies), 3)
        self.assertEqual(len(set(bodies)), 1)
        script = iter([answers(409, {**PROBLEM, "code": "conflict", "retryable": False})])
        with tc.Client(server.url) as client, self.assertRaises(tc.Conflict):
            client.allocate("a", tokens=5)

    def test_what_the_ledger_asks_for_is_waited_for(self) -> None:
        overloaded = {**PROBLEM, "code": "overloaded", "retryable": True}
        waits: list[float] = []
        script = iter([answers(429, overloaded, Retry_After="7"), answers(200, {"state": "open"})])
        server = self.scripted(lambda *_: next(script))
        with tc.Client(server.url) as client, mock.patch.object(time, "sleep", waits.append):
            client.allocate(tokens=5)
        self.assertTrue(7 <= waits[0] <= 7.1 and len(waits) == 1, waits)
        # A tracker that is closed meanwhile does not wait for it: it tries once more, and ends.
        server = self.scripted(lambda *_: answers(429, overloaded, Retry_After="300"))
        tracker = tc.Tracker(server.url, "p")
        with self.assertLogs("tollgate_client"):
            pending = tracker.report_usage("T-1", CALL)
            with self.assertRaises(TimeoutError):
                pending.wait(timeout=0.3)
            with self.assertRaises(tc.NotDelivered):
                tracker.close()
        self.assertEqual(len(server.requests), 2)

    def test_the_gate_is_asked_for_an_answer_that_covers_what_was_reported(self) -> None:
        decided = {"verdict": "warn", "reasons": [], "requirements": ["review"], "position": "a@3:9"}
        appended = {"outcomes": [{"id": "e", "outcome": "appended"}], "position": "a@3:7"}
        server = self.scripted(lambda endpoint, *_: answers(200, appended if "events" in endpoint else decided))
        with tc.Tracker(server.url, "p", batching=tc.Batching(linger=3600)) as tracker:
            tracker.report_usage("T-1", CALL)
            answer = tracker.gate("T-1", "SPEC")
            self.assertEqual((answer.verdict, answer.may_go_on, answer.to_do), ("warn", True, ["review"]))
            self.assertEqual(tracker.position, "a@3:9")
        question = json.loads(server.requests[-1][2])
        self.assertEqual((question["at_least"], question["producer"]), ("a@3:7", "p"))

    def test_a_kept_connection_that_is_gone_is_no_failure(self) -> None:
        server = self.scripted(lambda *_: answers(200, {"state": "open"}))
        with tc.Client(server.url, tries=1) as client:
            client.allocation("a")
            (kept,) = client._transport._idle
            assert kept.sock is not None
            # As a server does that has waited long enough.
            kept.sock.shutdown(socket.SHUT_RDWR)
            client.allocation("a")

    def test_no_answer_is_given_up_in_time(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as mute:
            url = f"http://127.0.0.1:{mute.getsockname()[1]}"
            with tc.Client(url, timeouts=tc.Timeouts(answer=0.1), tries=1) as client:
                with self.assertRaisesRegex(tc.NoAnswer, "timed out|in time"):
                    client.health()
            with tc.Tracker(url, "p", gate_patience=0.1) as tracker, self.assertLogs("tollgate_client"):
                answer = tracker.gate("T-1", "SPEC")
                self.assertEqual((answer.verdict, answer.decided_by), ("allow", "policy"))

    def test_an_answer_that_ends_too_early_is_none(self) -> None:
        server = self.scripted(lambda *_: (200, {"Content-Length": "100", "Connection": "close"}, b'{"a":1}'))
        with tc.Client(server.url, tries=1) as client, self.assertRaises(tc.NoAnswer):
            client.health()

    def test_numbers_of_answers_are_exact(self) -> None:
        text = b'{"count": 9007199254740993, "share": 0.1}'
        server = self.scripted(lambda *_: (200, {}, text))
        with tc.Client(server.url) as client:
            self.assertEqual(client.health(), {"count": 9007199254740993, "share": "0.1"})

    def test_what_is_not_exact_is_not_sent(self) -> None:
        with self.assertLogs("tollgate_client"):
            tracker = tc.Tracker(closed_address(), "p")
            with self.assertRaisesRegex(tc.InvalidField, "must be exact"):
                tracker.open_task("T-1", budget_multiplier=2.5)
            tracker.open_task("T-1", budget_multiplier=Decimal("2.50"))
            with self.assertRaises(tc.NotDelivered) as raised:
                tracker.close()
        self.assertIn('"budget_multiplier":"2.50"', raised.exception.events[0])

    def test_tls_with_the_certificates_of_a_file(self) -> None:
        server = self.scripted(lambda *_: answers(200, {"status": "ok"}))
        tls = ROOT / "crates/client/cases/tls"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
        server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
        url = server.url.replace("http://", "https://")
        with tc.Client(url, ca_file=str(tls / "cert.pem"), api_key="k") as client:
            self.assertEqual(client.health(), {"status": "ok"})
        # Trying again does not help, and is not done.
        with tc.Client(url) as client, mock.patch.object(time, "sleep", self.fail):
            with self.assertRaisesRegex(tc.Untrusted, "certificate does not stand up to the system's"):
                client.health()

    def test_positions_are_merged_partition_by_partition(self) -> None:
        for known, new, expected in (
            (None, "a@0:7", "a@0:7"),
            ("a@0:7", "a@3:9", "a@0:7,3:9"),
            ("a@0:7,10:2", "a@0:5,2:1", "a@0:7,2:1,10:2"),
            ("a@0:7", "b@0:1", "b@0:1"),
            ("a@", "a@0:1", "a@0:1"),
        ):
            self.assertEqual(merged(known, new), expected)

    def test_threads_share_a_client(self) -> None:
        server = self.scripted(lambda endpoint, *_: answers(200, {"endpoint": endpoint}))
        wrong: list[object] = []
        with tc.Client(server.url) as client:

            def work(nth: int) -> None:
                for count in range(20):
                    found = client.call("GET", f"/v1/{nth}/{count}")["endpoint"]
                    if found != f"GET /v1/{nth}/{count}":
                        wrong.append(found)

            threads = [threading.Thread(target=work, args=(nth,)) for nth in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])

    def test_nobody_there(self) -> None:
        with tc.Client(closed_address(), tries=2, backoff=tc.Backoff(0.001)) as client:
            with self.assertRaises(tc.NoAnswer):
                client.health()
