"""What `tollgate demo` shows, by an agent of one file: tasks in phases, a gate that stops one, money asked for first.

    TOLLGATE_URL=https://localhost:7070 TOLLGATE_CA=ca.pem TOLLGATE_API_KEY=... python story.py

The key has the scopes `append` and `decide`. The models are made up; all else is as a program would do it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tollgate_client import Tracker, usage_of

#: The calls of a task by phase: input, of which so much was cached, and output, in tokens.
Plan = Mapping[str, Sequence[tuple[int, int, int]]]

PAYOUTS: Plan = {
    "SPEC": [(900, 400, 160)],
    "PLAN": [(1_200, 700, 300)],
    "IMPLEMENT": [(1_100, 500, 600), (800, 500, 250)],
    "VERIFY": [(1_000, 600, 200)],
}
#: It thinks longer than planned, and then tries the same again and again.
IMPORTER: Plan = {
    "STRATEGIZE": [(2_600, 0, 640)],
    "SPEC": [(1_100, 600, 340)],
    "PLAN": [(1_900, 900, 596)],
    "THINK": [(3_400, 1_500, 1_160), (3_400, 1_500, 1_160)],
    "IMPLEMENT": [(2_600, 1_600, 1_040)] * 4,
    "VERIFY": [(1_000, 600, 200)],
    "REVIEW": [(1_000, 600, 200)],
}


def ask_model(call: str, tokens: tuple[int, int, int]) -> dict[str, Any]:
    """Stands for `anthropic.Anthropic().messages.create(...)`."""
    read, cached, output = tokens
    usage = {"input_tokens": read - cached, "cache_read_input_tokens": cached, "output_tokens": output}
    return {"id": f"msg_{call}", "type": "message", "model": "claude-sonnet-4-6", "usage": usage}


def ask_reviewer(model: str) -> dict[str, Any]:
    """Stands for `openai.OpenAI().chat.completions.create(...)`."""
    usage = {"prompt_tokens": 5_200, "completion_tokens": 1_450}
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": model, "usage": usage}


def work(tracker: Tracker, task: str, title: str, plan: Plan) -> None:
    """Takes a task through its phases, as far as the gate lets it."""
    tracker.open_task(task, title=title, complexity="Small", importance="medium", author="agent-b")
    for phase, calls in plan.items():
        answer = tracker.gate(task, phase)
        if answer.verdict != "allow":
            print(f"{answer.verdict} {task} → {phase}: {'; '.join(answer.reasons)}")
        if not answer.may_go_on:
            print(f"{task} stops; to do: {', '.join(answer.to_do)}")
            return
        tracker.start_phase(task, phase)
        for nth, tokens in enumerate(calls):
            response = ask_model(f"{task}-{phase}-{nth}", tokens)
            usage = replace(usage_of("anthropic", response), phase=phase)
            # Reported twice, for example after a crash, it counts once.
            tracker.report_usage(task, usage, id=response["id"])
        tracker.end_phase(task, phase)
    tracker.close_task(task).wait()
    print(f"{task} is completed")


def review(tracker: Tracker, task: str) -> None:
    """Asks for the money before it spends it, and does with a cheaper model if that is what is left."""
    tracker.open_task(task, title="review the merges of the day", complexity="Small", author="reviewer").wait()
    wanted: dict[str, Any] = {
        "task": task, "phase": "REVIEW", "component": "reviewer", "tokens": 8_000, "input_tokens": 6_000
    }  # fmt: skip
    given = tracker.client.allocate(f"{task}/gpt-5", model="gpt-5", **wanted)
    if given["state"] == "refused":
        print(f"refused {given['amount']['usd']} USD: {given['policies'][0]['sentence']}")
        chosen = tracker.client.route(["gpt-5", "gpt-5-mini"], **wanted).get("chosen")
        if chosen is None:
            tracker.close_task(task, "abandoned", "no model fits what is left").wait()
            return
        given = tracker.client.allocate(f"{task}/{chosen['model']}", model=chosen["model"], **wanted)
    if given["state"] != "open":
        # Somebody else was faster.
        tracker.close_task(task, "abandoned", "the money was gone").wait()
        return
    usage = usage_of("openai_chat", ask_reviewer(given["model"]))
    usage = replace(usage, phase="REVIEW", component="reviewer", allocation=given["allocation"])
    settled = tracker.settle(task, usage)
    used, released = settled["used"], settled["released"]
    print(f"allocated {settled['amount']['usd']} USD for {given['model']}, used {used['usd']}, released {released['usd']}")
    tracker.close_task(task).wait()


def main() -> None:
    # The key is what TOLLGATE_API_KEY says. Where limits are enforced, nobody goes on without an answer of the gate.
    url, ca_file = os.environ["TOLLGATE_URL"], os.environ.get("TOLLGATE_CA")
    with Tracker(url, "agents", ca_file=ca_file, on_unreachable="closed") as tracker:
        # A wrong address, certificate or key ends the program here, and not in the middle of its work.
        tracker.client.position()
        work(tracker, "T-101", "retry failed payouts", PAYOUTS)
        work(tracker, "T-104", "migrate the billing importer", IMPORTER)
        review(tracker, "T-110")


if __name__ == "__main__":
    main()
