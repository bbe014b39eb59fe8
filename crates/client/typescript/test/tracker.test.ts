/** The tracker against a real server: the story of a task, a ledger that is away, processes that are killed. */

import assert from "node:assert/strict";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";

import * as tc from "../src/index.js";
import { afterwards, closedAddress, killed, node, NO_SERVER, outputOf, place, scripted, Server } from "./support.js";

const CALL: tc.Usage = { phase: "SPEC", model: "gpt-5", tokens: { input_uncached: 900, output: 300 } };
const quiet = { onTrouble: () => {} };

test("a task from its opening to its end", { skip: NO_SERVER }, async (context) => {
  const dir = place(context);
  const server = await Server.start(context, path.join(dir, "data"));
  const tracker = await tc.Tracker.start(server.url, "p", { spool: path.join(dir, "spool"), ...quiet });
  const opened = await tracker.openTask("T-1", { title: "pay out", complexity: "small", labels: { team: "search" } });
  assert.equal((await opened.wait()).kind, "recorded");
  const answer = await tracker.gate("T-1", "spec");
  assert.deepEqual([answer.verdict, answer.mayGoOn, answer.decidedBy, answer.toDo], ["allow", true, "server", []]);
  assert.equal((await (await tracker.startPhase("T-1", "spec")).wait()).attempt, 1);
  // They keep the order in which they are reported, awaited or not.
  void tracker.reportUsage("T-1", CALL);
  void tracker.reportUsage("T-1", tc.estimatedUsage(800, 400, { phase: "SPEC", model: "local" }));
  void tracker.reportWait("T-1", "queue", 5, { phase: "SPEC" });
  void tracker.reportSignal("T-1", "files_changed", 3);
  await assert.rejects((await tracker.endPhase("T-1", "PLAN")).wait(), (error: tc.Rejected) => {
    assert.deepEqual([error.kind, error.code], ["refused", "phase_mismatch"]);
    return true;
  });
  void tracker.endPhase("T-1", "SPEC");
  void tracker.closeTask("T-1");
  const task = (await tracker.client.task("T-1", { atLeast: await tracker.flush() })) as any;
  assert.deepEqual([task.stage, task.tokens.total], ["completed", 900 + 300 + 300]);
  const { queued, appended, refused, waiting } = tracker.stats();
  assert.deepEqual([queued, appended, refused, waiting], [9, 8, 1, 0]);
  const ended = await tracker.close();
  assert.deepEqual([ended.delivered, ended.spoolBytes], [true, 0]);
  await assert.rejects(tracker.reportUsage("T-1", CALL), tc.Closed);
});

test("the same call counts once, another under its id never", { skip: NO_SERVER }, async (context) => {
  const server = await Server.start(context, path.join(place(context), "data"));
  const trouble: tc.Trouble[] = [];
  const tracker = await tc.Tracker.start(server.url, "p", { onTrouble: (one) => trouble.push(one) });
  const stamp = { id: "msg_1", occurredAt: "2026-11-21T08:30:00Z" };
  await tracker.reportUsage("T-1", CALL, stamp);
  const again = await (await tracker.reportUsage("T-1", CALL, stamp)).wait();
  assert.ok(again.kind === "recorded" && again.duplicate);
  await tracker.reportUsage("T-1", { tokens: { output: 7 } }, stamp);
  await tracker.flush();
  assert.deepEqual(trouble.map((one) => one.kind), ["conflict"]);
  assert.equal(await server.tokens("T-1"), 1200);
  await assert.rejects(tracker.gate("T-none", "SPEC"), tc.NotFound);
  await assert.rejects(tracker.gate("T-1", "4 eyes"), tc.InvalidField);
  await tracker.close();
});

test("checked, allocated, settled and released", { skip: NO_SERVER }, async (context) => {
  const server = await Server.start(context, path.join(place(context), "data"));
  const tracker = await tc.Tracker.start(server.url, "p", quiet);
  const { client } = tracker;
  const [labels, allocation] = [{ team: "search" }, "call-1"];
  const rule = { scope: labels, window: "monthly", limit_usd: "1", enforcement: "hard_limit", author: "ada" };
  await client.call("POST", "/v1/policies/search", { body: rule });
  assert.equal((await client.check({ model: "gpt-5", tokens: 20_000, labels })).allowed, true);
  const asked = { allocation, task: "T-1", model: "gpt-5", tokens: 20_000, labels };
  const given = await client.allocate(asked);
  assert.deepEqual([given.state, given.amount], ["open", { tokens: 20_000, usd: "0.2" }]);
  assert.equal((await client.allocate(asked)).repeated, true);
  const tokens = { input_uncached: 9_000, output: 1_000 };
  const settled = await tracker.settle("T-1", { phase: "PLAN", model: "gpt-5", tokens, labels, allocation });
  assert.deepEqual([settled.state, settled.used.usd, settled.released.usd], ["released", "0.02125", "0.17875"]);
  assert.equal((await client.release(allocation)).state, "released");
  const refused = await client.allocate({ usd: "0.98", labels });
  assert.deepEqual([refused.state, refused.policies[0]?.ruling], ["refused", "refused"]);
  await assert.rejects(client.allocate({ allocation, usd: "0.5", labels }), tc.Conflict);
  await client.allocate({ allocation: "call-2", usd: "0.5", labels });
  assert.equal((await client.extend("call-2", { usd: "0.25" })).amount.usd, "0.75");
  await assert.rejects(client.extend("call-2", { usd: "0.5" }), tc.Refused);
  assert.equal((await client.allocation("call-2")).remaining.usd, "0.75");
  await assert.rejects(client.allocation("none"), tc.NotFound);
  await assert.rejects(client.check({ usd: 0.98 as unknown as string }), /a number is not exact/);
  await tracker.close();
});

test("a ledger that is away keeps nobody waiting, and the policy answers", { skip: NO_SERVER }, async (context) => {
  const [dir, nowhere] = [place(context), await closedAddress()];
  const spool = path.join(dir, "spool");
  for (const [onUnreachable, verdict] of [["open", "allow"], ["closed", "block"]] as const) {
    const tracker = await tc.Tracker.start(nowhere, "p", { spool, onUnreachable });
    assert.equal((await (await tracker.reportUsage("T-1", CALL)).wait()).kind, "kept");
    const answer = await tracker.gate("T-1", "SPEC");
    assert.deepEqual([answer.verdict, answer.decidedBy], [verdict, "policy"]);
    await assert.rejects(tracker.flush(), tc.LedgerAway);
    assert.equal((await tracker.close()).delivered, false);
  }
  const server = await Server.start(context, path.join(dir, "data"));
  const tracker = await tc.Tracker.start(server.url, "p", { spool });
  await tracker.flush();
  assert.equal(tracker.stats().appended, 2);
  await tracker.close();
});

test("for a refused key the policy answers, whether anything waits or not", async (context) => {
  for (const status of [401, 403]) {
    const problem = { code: "unauthorized", status, detail: "the key is revoked" };
    const refused = { status, headers: { "content-type": "application/problem+json" }, body: JSON.stringify(problem) };
    const server = await scripted(context, () => refused);
    for (const reported of [false, true]) {
      const tracker = await tc.Tracker.start(server.url, "p", { spool: path.join(place(context), `${status}${reported}`) });
      if (reported) await (await tracker.reportUsage("T-1", CALL)).wait();
      const answer = await tracker.gate("T-1", "SPEC");
      assert.deepEqual([answer.verdict, answer.decidedBy], ["allow", "policy"]);
      await tracker.close();
    }
  }
});

test("without a spool the queue is bounded, and what is lost is told", async () => {
  const trouble: tc.Trouble[] = [];
  const options = { maxEvents: 2, onTrouble: (one: tc.Trouble) => trouble.push(one) };
  const tracker = await tc.Tracker.start(await closedAddress(), "p", options);
  const reports = await Promise.allSettled([1, 2, 3].map(() => tracker.reportUsage("T-1", CALL)));
  assert.deepEqual(reports.map((one) => one.status), ["fulfilled", "fulfilled", "rejected"]);
  await assert.rejects(tracker.close(), (error: tc.NotDelivered) => error.events.length === 2);
  assert.equal(trouble.length, 2);
});

test("a server of another ledger gets nothing", { skip: NO_SERVER }, async (context) => {
  const dir = place(context);
  const spool = path.join(dir, "spool");
  let server = await Server.start(context, path.join(dir, "one"));
  let tracker = await tc.Tracker.start(server.url, "p", { spool });
  await (await tracker.reportUsage("T-1", CALL)).wait();
  await server.kill();
  assert.equal((await (await tracker.reportUsage("T-1", CALL)).wait()).kind, "kept");
  await tracker.close();
  const other = await Server.start(context, path.join(dir, "two"), server.port);
  tracker = await tc.Tracker.start(other.url, "p", { spool });
  await assert.rejects(tracker.flush(), /other_ledger/);
  await tracker.close();
  await other.kill();
  server = await Server.start(context, path.join(dir, "one"), server.port);
  tracker = await tc.Tracker.start(server.url, "p", { spool });
  await tracker.flush();
  await tracker.close();
  assert.equal(await server.tokens("T-1"), 2400);
});

test("totals are exact when the server is killed in the middle", { skip: NO_SERVER }, async (context) => {
  const dir = place(context);
  for (const name of ["memory", "spool"]) {
    let server = await Server.start(context, path.join(dir, `data-${name}`));
    const tracker = await tc.Tracker.start(server.url, "p", {
      ...(name === "spool" ? { spool: path.join(dir, name) } : {}),
      batching: { maxEvents: 7 },
      backoff: { firstMs: 50, longestMs: 200 },
    });
    const reports: Promise<tc.Pending>[] = [];
    for (let nth = 0; nth < 200; nth++) reports.push(tracker.reportUsage(`T-${nth % 2}`, CALL));
    // In the middle of what is being sent.
    await (await reports[60]!).wait();
    await server.kill();
    for (let nth = 0; nth < 100; nth++) reports.push(tracker.reportUsage(`T-${nth % 2}`, CALL));
    await Promise.all(reports);
    server = await Server.start(context, path.join(dir, `data-${name}`), server.port);
    for (;;) {
      const flushed = await tracker.flush().catch((error: unknown) => error);
      if (!(flushed instanceof tc.LedgerAway)) break;
    }
    assert.deepEqual([await server.tokens("T-0"), await server.tokens("T-1")], [150 * 1200, 150 * 1200], name);
    await tracker.close();
    await server.kill();
  }
});

/** Reports events from a number on, and prints each number once its report has resolved. */
const PROGRAM = `
const [url, spool, first, last] = [args[0], args[1], Number(args[2]), Number(args[3])];
const tracker = await tc.Tracker.start(url, "p", { spool, batching: { maxEvents: 5, lingerMs: 1 } });
for (let nth = first; nth < last; nth++) {
  const usage = { phase: "SPEC", model: "gpt-5", tokens: { output: 1000 + nth } };
  await tracker.reportUsage("T-1", usage, { id: "e-" + nth, occurredAt: "2026-11-21T08:30:00Z" });
  console.log(nth);
}
await tracker.flush();
console.log("flushed", (await tracker.close()).delivered);
`;

test("totals are exact when the client is killed in the middle", { skip: NO_SERVER }, async (context) => {
  const [dir, last] = [place(context), 240];
  const spool = path.join(dir, "spool");
  let server = await Server.start(context, path.join(dir, "data"));
  let first = 0;
  const runUntil = async (lines: number): Promise<void> => {
    const program = node(PROGRAM, server.url, spool, String(first), String(last));
    const closed = once(program, "close");
    let told = 0;
    for await (const line of createInterface(program.stdout!)) {
      // Those that it told before it was killed count, too.
      if (line === String(first)) first += 1;
      told += 1;
      if (told === lines) program.kill("SIGKILL");
    }
    await closed;
    assert.ok(told >= lines && program.signalCode === "SIGKILL", `${told} ${program.signalCode}`);
  };
  for (const lines of [1, 30, 17]) await runUntil(lines);
  await server.kill();
  // Nobody is there: all of it waits in the spool.
  for (const lines of [25, 1]) await runUntil(lines);
  server = await Server.start(context, path.join(dir, "data"), server.port);
  assert.ok(first < last, "killed too late to try anything");
  const said = await outputOf(node(PROGRAM, server.url, spool, String(first), String(last)));
  assert.match(said, /flushed true/);
  let expected = 0;
  for (let nth = 0; nth < last; nth++) expected += 1000 + nth;
  assert.equal(await server.tokens("T-1"), expected);
});

test("a spool is of one process at a time", async (context) => {
  const [dir, nowhere] = [place(context), await closedAddress()];
  const spool = path.join(dir, "spool");
  const holder = node("await tc.Tracker.start(args[0], 'p', { spool: args[1] });\nconsole.log('held');\nsetInterval(() => {}, 1e9);", nowhere, spool);
  afterwards(context, () => killed(holder));
  await once(holder.stdout!, "data");
  await assert.rejects(tc.Tracker.start(nowhere, "p", { spool }), (error: tc.SpoolLocked) => {
    assert.match(error.message, new RegExp(`process ${holder.pid} uses it`));
    return error instanceof tc.SpoolLocked;
  });
  await killed(holder);
  const tracker = await tc.Tracker.start(nowhere, "p", { spool });
  await assert.rejects(tc.Tracker.start(nowhere, "p", { spool }), tc.SpoolLocked);
  await tracker.close();
  await (await tc.Tracker.start(nowhere, "p", { spool })).close();
});

test("of many processes that want a spool one gets it", async (context) => {
  const [spool, nowhere] = [path.join(place(context), "spool"), await closedAddress()];
  const program = `
await tc.Tracker.start(args[0], "p", { spool: args[1] }).then(() => console.log("has it"), (error) => console.log(error.name));
setInterval(() => {}, 1e9);`;
  const all = Array.from({ length: 6 }, () => node(program, nowhere, spool));
  for (const one of all) afterwards(context, () => killed(one));
  const said = await Promise.all(all.map(async (one) => String((await once(one.stdout!, "data"))[0]).trim()));
  assert.deepEqual(said.sort(), [...Array(5).fill("SpoolLocked"), "has it"]);
});

test("a program that ends without closing still delivers", { skip: NO_SERVER }, async (context) => {
  const server = await Server.start(context, path.join(place(context), "data"));
  const program = "const t = await tc.Tracker.start(args[0], 'p');\nawait t.reportUsage('T-1', { tokens: { output: 7 } });";
  assert.equal(await outputOf(node(program, server.url)), "");
  assert.equal(await server.tokens("T-1"), 7);
  const lost = await outputOf(node(program, await closedAddress()));
  assert.match(lost, /an event will not be in the log/);
});
