"""The tracker against a real server: the story of a task, and a ledger that is away."""

from __future__ import annotations

import asyncio
import os
import threading
import unittest
import warnings

import tollgate_client as tc
from tollgate_client.aio import AsyncTracker

from .support import Place, Scripted, closed_address

CALL = tc.Usage(phase="SPEC", model="gpt-5", tokens=tc.Tokens(input_uncached=900, output=300))


class Story(Place):
    def test_a_task_from_its_opening_to_its_end(self) -> None:
        server = self.serve()
        with tc.Tracker(server.url, "p", spool=self.path("spool")) as tracker:
            opened = tracker.open_task("T-1", title="pay out", complexity="small", labels={"team": "search"})
            self.assertIsInstance(opened.wait(), tc.Recorded)
            answer = tracker.gate("T-1", "spec")
            self.assertEqual((answer.verdict, answer.decided_by, answer.to_do), ("allow", "server", []))
            self.assertTrue(answer.may_go_on)
            self.assertEqual(tracker.start_phase("T-1", "spec").wait().attempt, 1)
            tracker.report_usage("T-1", CALL)
            tracker.report_usage("T-1", tc.Usage.estimated(800, 400, phase="SPEC", model="local"))
            tracker.report_wait("T-1", "queue", 5, phase="SPEC")
            tracker.report_signal("T-1", "files_changed", 3)
            with self.assertRaises(tc.Rejected) as raised, self.assertLogs("tollgate_client"):
                tracker.end_phase("T-1", "PLAN").wait()
            self.assertEqual((raised.exception.kind, raised.exception.code), ("refused", "phase_mismatch"))
            tracker.end_phase("T-1", "SPEC")
            self.assertIsInstance(tracker.close_task("T-1").wait(), tc.Recorded)
            position = tracker.flush()
            assert position is not None
            task = tracker.client.task("T-1", at_least=position)
            self.assertEqual((task["stage"], task["tokens"]["total"]), ("completed", 900 + 300 + 300))
            stats = tracker.stats()
            self.assertEqual((stats.queued, stats.appended, stats.refused, stats.waiting), (9, 8, 1, 0), stats)
            ended = tracker.close()
            self.assertEqual((ended.delivered, ended.spool_bytes), (True, 0))
        with self.assertRaises(tc.Closed):
            tracker.report_usage("T-1", CALL)

    def test_the_same_call_reported_twice_counts_once_and_another_under_its_id_never(self) -> None:
        server = self.serve()
        at = "2026-11-21T08:30:00Z"
        trouble: list[tc.Trouble] = []
        with tc.Tracker(server.url, "p", on_trouble=trouble.append) as tracker, self.assertLogs("tollgate_client"):
            tracker.report_usage("T-1", CALL, id="msg_1", occurred_at=at)
            again = tracker.report_usage("T-1", CALL, id="msg_1", occurred_at=at).wait()
            self.assertTrue(isinstance(again, tc.Recorded) and again.duplicate)
            tracker.report_usage("T-1", tc.Usage(tokens=tc.Tokens(output=7)), id="msg_1", occurred_at=at)
            position = tracker.flush()
            self.assertEqual([getattr(one, "kind", None) for one in trouble], ["conflict"])
            self.assertEqual(self.tokens(server, "T-1", str(position)), 1200)

    def test_questions_that_the_ledger_refuses_are_errors(self) -> None:
        server = self.serve()
        with tc.Tracker(server.url, "p") as tracker:
            with self.assertRaises(tc.NotFound):
                tracker.gate("T-none", "SPEC")
            tracker.open_task("T-1").wait()
            with self.assertRaises(tc.InvalidRequest):
                tracker.gate("T-1", "NO-SUCH-PHASE")
            with self.assertRaises(tc.InvalidField):
                tracker.gate("T-1", "4 eyes")

    def test_the_same_for_asyncio(self) -> None:
        server = self.serve()

        async def work() -> bool:
            async with AsyncTracker(server.url, "p", spool=self.path("spool")) as tracker:
                delivery = await tracker.wait(await tracker.open_task("T-1"))
                assert isinstance(delivery, tc.Recorded)
                await asyncio.gather(*(tracker.report_usage("T-1", CALL) for _ in range(20)))
                answer = await tracker.gate("T-1", "SPEC")
                await tracker.close_task("T-1")
                await tracker.flush()
                return answer.may_go_on

        self.assertTrue(asyncio.run(work()))
        self.assertEqual(self.tokens(server, "T-1"), 20 * 1200)


class Money(Place):
    def test_checked_allocated_settled_and_released(self) -> None:
        server = self.serve()
        with tc.Tracker(server.url, "p") as tracker:
            client = tracker.client
            rule = {"scope": {"team": "search"}, "window": "monthly", "limit_usd": "1", "enforcement": "hard_limit"}
            client.call("POST", "/v1/policies/search", {**rule, "author": "ada"})
            team = {"team": "search"}
            self.assertTrue(client.check(model="gpt-5", tokens=20_000, labels=team)["allowed"])
            for _ in range(2):
                given = client.allocate("call-1", task="T-1", model="gpt-5", tokens=20_000, labels=team)
                self.assertEqual((given["state"], given["amount"]), ("open", {"tokens": 20_000, "usd": "0.2"}))
            self.assertTrue(given["repeated"])
            tokens = tc.Tokens(input_uncached=9_000, output=1_000)
            usage = tc.Usage(phase="PLAN", model="gpt-5", tokens=tokens, labels=team, allocation="call-1")
            settled = tracker.settle("T-1", usage)
            self.assertEqual((settled["state"], settled["used"]["usd"]), ("released", "0.02125"))
            self.assertEqual(settled["released"]["usd"], "0.17875")
            self.assertEqual(client.release("call-1")["state"], "released")
            refused = client.allocate(usd="0.98", labels=team)
            self.assertEqual((refused["state"], refused["policies"][0]["ruling"]), ("refused", "refused"))
            self.assertFalse(client.check(usd="0.98", labels=team)["allowed"])
            with self.assertRaises(tc.Conflict):
                client.allocate("call-1", usd="0.5", labels=team)
            other = client.allocate("call-2", usd="0.5", labels=team)
            self.assertEqual(client.extend("call-2", usd="0.25")["amount"]["usd"], "0.75")
            with self.assertRaises(tc.Refused):
                client.extend("call-2", usd="0.5")
            self.assertEqual(client.allocation("call-2")["remaining"]["usd"], "0.75", other)
            with self.assertRaises(tc.NotFound):
                client.allocation("none")
            with self.assertRaisesRegex(tc.InvalidField, "a float is not exact"):
                client.check(usd=0.98)  # type: ignore[arg-type]


class Away(Place):
    def test_a_ledger_that_is_away_keeps_nobody_waiting_and_the_policy_answers(self) -> None:
        nowhere, spool = closed_address(), self.path("spool")
        for policy, verdict in (("open", "allow"), ("closed", "block")):
            with self.assertLogs("tollgate_client"):
                tracker = tc.Tracker(nowhere, "p", spool=spool, on_unreachable=policy)  # type: ignore[arg-type]
                self.assertIsInstance(tracker.report_usage("T-1", CALL).wait(), tc.Kept)
                answer = tracker.gate("T-1", "SPEC")
                with self.assertRaises(tc.LedgerAway):
                    tracker.flush()
                ended = tracker.close()
            self.assertEqual((answer.verdict, answer.decided_by), (verdict, "policy"))
            self.assertFalse(ended.delivered)
        server = self.serve()
        with tc.Tracker(server.url, "p", spool=spool) as tracker:
            tracker.flush()
            self.assertEqual(tracker.stats().appended, 2)

    def test_for_a_refused_key_the_policy_answers_whether_anything_waits_or_not(self) -> None:
        for status in (401, 403):
            refusal = b'{"code": "unauthorized", "status": %d, "detail": "the key is revoked"}' % status
            server = Scripted(lambda *_: (status, {"Content-Type": "application/problem+json"}, refusal))
            self.addCleanup(server.close)
            for reported in (False, True):
                with self.assertLogs("tollgate_client"):
                    tracker = tc.Tracker(server.url, "p", spool=self.path(f"{status}{reported}"))
                    if reported:
                        tracker.report_usage("T-1", CALL).wait()
                    answer = tracker.gate("T-1", "SPEC")
                    tracker.close()
                self.assertEqual((answer.verdict, answer.decided_by), ("allow", "policy"))

    @unittest.skipUnless(hasattr(os, "fork"), "there is no fork here")
    def test_a_forked_child_leaves_the_tracker_and_its_spool_to_its_parent(self) -> None:
        server, spool = self.serve(), self.path("spool")
        with tc.Tracker(server.url, "p", spool=spool) as tracker:
            tracker.report_usage("T-1", CALL, id="before").wait()
            with warnings.catch_warnings():
                # That is what Python says of a fork beside threads, and what is tried here.
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
            if child == 0:
                code = 1
                try:
                    tracker.report_usage("T-1", CALL, id="in-child")
                except tc.Closed as error:
                    try:
                        tracker.gate("T-1", "SPEC")
                    except tc.Closed:
                        tracker.stats()
                        code = 0 if "the process that made it" in str(error) and tracker.close().delivered else 2
                os._exit(code)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
            tracker.report_usage("T-1", CALL, id="after").wait()
            tracker.flush()
        self.assertEqual(self.tokens(server, "T-1"), 2400)

    def test_without_a_spool_the_queue_is_bounded_and_what_is_lost_is_told(self) -> None:
        trouble: list[tc.Trouble] = []
        with self.assertLogs("tollgate_client"):
            tracker = tc.Tracker(closed_address(), "p", max_events=2, on_trouble=trouble.append)
            tracker.report_usage("T-1", CALL)
            tracker.report_usage("T-1", CALL)
            with self.assertRaises(tc.QueueFull):
                tracker.report_usage("T-1", CALL)
            with self.assertRaises(tc.NotDelivered) as raised:
                tracker.close()
        self.assertEqual((len(raised.exception.events), len(trouble)), (2, 2))

    def test_a_server_of_another_ledger_gets_nothing(self) -> None:
        server, spool = self.serve("one"), self.path("spool")
        with tc.Tracker(server.url, "p", spool=spool) as tracker:
            tracker.report_usage("T-1", CALL).wait()
            server.kill()
            with self.assertLogs("tollgate_client"):
                self.assertIsInstance(tracker.report_usage("T-1", CALL).wait(), tc.Kept)
        other = self.serve("two", server.port)
        with self.assertLogs("tollgate_client"), tc.Tracker(other.url, "p", spool=spool) as tracker:
            with self.assertRaisesRegex(tc.LedgerAway, "other_ledger"):
                tracker.flush()
        other.kill()
        server = self.serve("one", server.port)
        with tc.Tracker(server.url, "p", spool=spool) as tracker:
            tracker.flush()
        self.assertEqual(self.tokens(server, "T-1"), 2400)

    def test_totals_are_exact_when_the_server_is_killed_in_the_middle(self) -> None:
        for spool in (None, self.path("spool")):
            server = self.serve(f"data-{spool is None}")
            backoff = tc.Backoff(longest=0.2)
            tracker = tc.Tracker(server.url, "p", spool=spool, batching=tc.Batching(max_events=7), backoff=backoff)
            threads, killed = 3, threading.Event()

            def work(nth: int, tracker: tc.Tracker = tracker, killed: threading.Event = killed) -> None:
                for count in range(100):
                    pending = tracker.report_usage(f"T-{nth}", CALL)
                    if count == 40:
                        pending.wait()
                    if count == 60:
                        killed.wait()

            running = [threading.Thread(target=work, args=(nth,)) for nth in range(threads)]
            for one in running:
                one.start()
            tracker.report_usage("T-0", CALL).wait()
            # In the middle of what is being sent.
            server.kill()
            killed.set()
            for one in running:
                one.join()
            server = self.serve(f"data-{spool is None}", server.port)
            while True:
                try:
                    tracker.flush()
                    break
                except tc.LedgerAway:
                    continue
            self.assertEqual(self.tokens(server, "T-0"), 101 * 1200)
            self.assertEqual([self.tokens(server, f"T-{nth}") for nth in (1, 2)], [100 * 1200] * 2)
            tracker.close()
            server.kill()
