/** The cases that the clients of all languages are held to. */

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { fitting, judge, type Fate } from "../src/answer.js";
import { delayMs, retryAfterS } from "../src/backoff.js";
import { Answer } from "../src/http.js";
import * as tc from "../src/index.js";
import type { Appended } from "../src/types.js";
import { cases, closedAddress, scripted, type Case } from "./support.js";

const AT = "2026-11-21T08:30:00.500Z";

/** A usage with every kind of tokens, and without what is empty. */
function plain(usage: tc.Usage): tc.Usage {
  const zero = { input_uncached: 0, cached_input: 0, cache_write: 0, output: 0, reasoning: 0, cache_write_1h: 0 };
  return { ...usage, tokens: { ...zero, ...usage.tokens } };
}

test("usage of responses", () => {
  for (const one of cases("usage.json")) {
    const reader = new tc.UsageReader(one["format"]);
    for (const part of one["stream"] ?? [one["answer"]]) reader.add(part);
    if (one["error"] !== undefined) {
      assert.throws(() => reader.usage(), one["error"] === "no_usage" ? tc.NoUsage : tc.BadUsage, one["name"]);
    } else {
      assert.deepEqual(plain(reader.usage()), plain(one["usage"]), one["name"]);
    }
  }
  const other = tc.usageOf("openai_chat", { usage: { prompt_tokens: 1 } }, { provider: "openrouter" });
  assert.deepEqual([other.provider, tc.totalTokens(other.tokens!)], ["openrouter", 1]);
  assert.throws(() => tc.usageOf("chat" as "ollama", {}), /must be one of openai_chat/);
});

test("reports and the bytes that are sent", async () => {
  for (const one of cases("events.json")) {
    const tracker = await tc.Tracker.start(await closedAddress(), "p", {
      tenant: one["tenant"] ?? "default",
      clock: () => AT,
      ids: () => "e-1",
      onTrouble: () => {},
    });
    const called = call(tracker, one);
    if (one["error"] !== undefined) {
      await assert.rejects(called, (error: tc.InvalidField) => error.field === one["error"], one["name"]);
      await tracker.close();
    } else {
      await called;
      await assert.rejects(tracker.close(), (error: tc.NotDelivered) => {
        assert.deepEqual(error.events, [one["json"]], one["name"]);
        return true;
      });
    }
  }
});

function call(tracker: tc.Tracker, one: Case): Promise<unknown> {
  const { task, with: given } = one;
  switch (one["call"]) {
    case "open_task":
      return tracker.openTask(task, given);
    case "start_phase":
      return tracker.startPhase(task, given.phase);
    case "end_phase":
      return tracker.endPhase(task, given.phase, given.attempt);
    case "close_task":
      return tracker.closeTask(task, given.outcome, given);
    case "report_usage": {
      const { estimated_from: lengths, ...of } = given;
      return tracker.reportUsage(task, lengths ? tc.estimatedUsage(lengths[0], lengths[1], of) : of);
    }
    case "report_wait":
      return tracker.reportWait(task, given.kind, given.wait_ms, given);
    case "report_signal":
      return tracker.reportSignal(task, given.name, given.value, given);
    default:
      throw new Error(one["call"]);
  }
}

test("fates of events", () => {
  for (const one of cases("answers.json", "answers")) {
    const events = [...one["fates"]].map((_, nth) => ({ id: `e${nth}`, task: "T" }));
    const judged = judge(events, answer(one));
    assert.equal(judged.fates.map(letter).join(""), one["fates"], one["name"]);
    assert.equal(judged.away !== undefined, one["away"] ?? false, one["name"]);
    assert.equal(judged.divide, one["divide"] ?? false, one["name"]);
  }
});

function answer(one: Case): Appended | Error {
  const { status, code } = one;
  if (status === undefined) return new tc.NoAnswer("POST", "u", "reset");
  const outcomes = (one["codes"] ?? []).map((word: string, nth: number) => outcome(nth, word));
  const problem = { type: "t", title: "t", status, detail: "why", code, retryable: false, outcomes };
  const good = { outcomes, position: "p", durability: "fsync", dedup: "life" };
  const body = one["body"] ?? JSON.stringify(code === undefined ? good : problem);
  try {
    return new Answer("POST /v1/events", status, body, undefined).value<Appended>();
  } catch (error) {
    return error as Error;
  }
}

function outcome(nth: number, code: string): Case {
  if (["appended", "duplicate", "ignored"].includes(code)) return { id: `e${nth}`, outcome: code, sequence: 7 };
  return { id: `e${nth}`, outcome: code === "conflict" ? code : "refused", code, detail: "d" };
}

function letter(fate: Fate): string {
  if (!fate) return "_";
  if (fate instanceof tc.Rejected) return fate.kind === "conflict" ? "C" : "X";
  return fate.duplicate ? "d" : "r";
}

test("waits between tries", () => {
  for (const one of cases("answers.json", "waits")) {
    const backoff = { firstMs: one["first_ms"], longestMs: one["longest_ms"] };
    const delay = delayMs(backoff, one["failures"], one["random"], retryAfterS(one["retry_after"]));
    assert.equal(Math.round(delay * 1000), one["expected_us"], JSON.stringify(one));
  }
});

test("how many events fit a request", () => {
  for (const one of cases("answers.json", "fitting")) {
    assert.equal(fitting(one["events"], 512 << 10), one["expected"], one["name"]);
  }
});

test("what a failed call becomes", async (context) => {
  for (const one of cases("errors.json")) {
    const client = new tc.Client(await urlOf(context, one), { tries: 1 });
    await assert.rejects(client.task("T-1"), (error: tc.Problem) => {
      assert.deepEqual([error.name, error.retryable], [one["type"], one["retryable"]], JSON.stringify(one));
      if (!(error instanceof tc.Problem)) return true;
      assert.deepEqual([error.code, error.status], [one["body"].code, one["status"]]);
      assert.equal(error.field, one["body"].field);
      return true;
    });
    client.close();
  }
});

async function urlOf(context: TestContext, one: Case): Promise<string> {
  const { status, body, kind } = one;
  if (status === undefined) return closedAddress();
  const text = kind === "problem" ? { type: "t", title: "t", status, ...body } : body;
  const answered = { status, body: typeof text === "string" ? text : JSON.stringify(text) };
  return (await scripted(context, () => answered)).url;
}
