"""The cases that the clients of all languages are held to."""

from __future__ import annotations

import json
import unittest
from typing import Any

import tollgate_client as tc
from tollgate_client._answer import fitting, judge
from tollgate_client._backoff import Backoff, retry_after
from tollgate_client._events import Outgoing
from tollgate_client._http import Answer

from .support import Scripted, cases, closed_address

AT = "2026-11-21T08:30:00.500Z"


def usage(of: dict[str, Any]) -> tc.Usage:
    fields = {key: value for key, value in of.items() if key not in ("tokens", "estimated_from")}
    if "estimated_from" in of:
        return tc.Usage.estimated(*of["estimated_from"], **fields)
    return tc.Usage(tokens=tc.Tokens(**of.get("tokens", {})), **fields)


class UsageOfResponses(unittest.TestCase):
    def test_what_each_provider_says(self) -> None:
        for case in cases("usage.json"):
            with self.subTest(case["name"]):
                reader = tc.UsageReader(case["format"])
                parts = case.get("stream") or [case["answer"]]
                if "error" in case:
                    kind = {"no_usage": tc.NoUsage, "bad_usage": tc.BadUsage}[case["error"]]
                    with self.assertRaises(kind):
                        reader.add_all(parts)
                else:
                    self.assertEqual(reader.add_all(parts), usage(case["usage"]))

    def test_objects_of_libraries_and_other_providers(self) -> None:
        class Response:
            def model_dump(self) -> dict[str, Any]:
                return {"model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 2}}

        said = tc.usage_of("openai_chat", Response(), provider="openrouter")
        self.assertEqual((said.provider, said.tokens.total), ("openrouter", 3))
        with self.assertRaisesRegex(tc.InvalidField, "must be one of openai_chat"):
            tc.usage_of("chat", {})


class Events(unittest.TestCase):
    def test_the_bytes_that_are_sent(self) -> None:
        for case in cases("events.json"):
            with self.subTest(case["name"]):
                tenant = case.get("tenant", "default")
                tracker = tc.Tracker(closed_address(), "p", tenant=tenant, clock=lambda: AT, ids=lambda: "e-1")
                call, given = getattr(tracker, case["call"]), dict(case["with"])
                if case["call"] == "report_usage":
                    given = {"usage": usage(given)}
                if "error" in case:
                    with self.assertRaises(tc.InvalidField) as raised:
                        call(case["task"], **given)
                    self.assertEqual(raised.exception.field, case["error"])
                    tracker.close()
                    continue
                call(case["task"], **given)
                with self.assertRaises(tc.NotDelivered) as lost, self.assertLogs("tollgate_client"):
                    tracker.close()
                self.assertEqual(lost.exception.events, [case["json"]])


class Answers(unittest.TestCase):
    def test_fates_of_events(self) -> None:
        for case in cases("answers.json", "answers"):
            with self.subTest(case["name"]):
                events = [Outgoing(f"e{nth}", "T", b"{}") for nth in range(len(case["fates"]))]
                judged = judge(events, self.answer(case))
                self.assertEqual("".join(map(letter, judged.fates)), case["fates"])
                self.assertEqual(judged.away is not None, case.get("away", False), judged)
                self.assertEqual(judged.divide, case.get("divide", False), judged)

    def answer(self, case: dict[str, Any]) -> dict[str, Any] | tc.TollgateError:
        if "status" not in case:
            return tc.NoAnswer("POST", "u", "reset")
        outcomes = [outcome(nth, code) for nth, code in enumerate(case.get("codes", []))]
        body: Any = {"outcomes": outcomes, "position": "p", "durability": "fsync", "dedup": "life"}
        if "code" in case:
            body = {"type": "t", "title": "t", "status": case["status"], "detail": "why", "code": case["code"],
                    "retryable": False, "outcomes": outcomes}  # fmt: skip
        text = case.get("body", json.dumps(body)).encode()
        try:
            value: dict[str, Any] = Answer("POST /v1/events", case["status"], text, None).value()
        except tc.TollgateError as error:
            return error
        return value

    def test_waits_between_tries(self) -> None:
        for case in cases("answers.json", "waits"):
            with self.subTest(case):
                backoff = Backoff(case["first_ms"] / 1000, case["longest_ms"] / 1000)
                delay = backoff.delay(case["failures"], case["random"], retry_after(case.get("retry_after")))
                self.assertEqual(round(delay * 1e6), case["expected_us"])

    def test_how_many_events_fit_a_request(self) -> None:
        for case in cases("answers.json", "fitting"):
            with self.subTest(case["name"]):
                self.assertEqual(fitting([(task, size) for task, size in case["events"]], 512 << 10), case["expected"])


class Errors(unittest.TestCase):
    def test_what_a_failed_call_becomes(self) -> None:
        for case in cases("errors.json"):
            with self.subTest(case):
                url = closed_address()
                if "status" in case:
                    body = case["body"]
                    if case["kind"] == "problem":
                        body = json.dumps({"type": "t", "title": "t", "status": case["status"], **body})
                    text = (body if isinstance(body, str) else json.dumps(body)).encode()
                    server = Scripted(lambda *_, case=case, text=text: (case["status"], {}, text))
                    self.addCleanup(server.close)
                    url = server.url
                with tc.Client(url, tries=1) as client, self.assertRaises(tc.TollgateError) as raised:
                    client.task("T-1")
                error = raised.exception
                self.assertEqual((type(error).__name__, error.retryable), (case["type"], case["retryable"]))
                if isinstance(error, tc.Problem):
                    self.assertEqual((error.code, error.status), (case["body"]["code"], case["status"]))
                    self.assertEqual(error.field, case["body"].get("field"))


def outcome(nth: int, code: str) -> dict[str, Any]:
    if code in ("appended", "duplicate", "ignored"):
        return {"id": f"e{nth}", "outcome": code, "sequence": 7}
    word = "conflict" if code == "conflict" else "refused"
    return {"id": f"e{nth}", "outcome": word, "code": code, "detail": "d"}


def letter(fate: tc.Recorded | tc.Rejected | None) -> str:
    if fate is None:
        return "_"
    if isinstance(fate, tc.Recorded):
        return "d" if fate.duplicate else "r"
    return "C" if fate.kind == "conflict" else "X"
