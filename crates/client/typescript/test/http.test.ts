/** What goes over the wire: addresses, keys, TLS, connections that are kept, waits that are asked for. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net, { type AddressInfo } from "node:net";
import path from "node:path";
import { test } from "node:test";

import { newId } from "../src/events.js";
import * as tc from "../src/index.js";
import { merged } from "../src/position.js";
import { afterwards, ROOT, scripted, type Script } from "./support.js";

const PROBLEM = { type: "t", title: "t", detail: "d" };
const quick = { firstMs: 1, longestMs: 1 };

function answers(status: number, value: unknown, headers: Record<string, string> = {}): ReturnType<Script> {
  return { status, headers, body: JSON.stringify(value) };
}

test("addresses and keys are checked, and a key is never shown", () => {
  for (const [url, rule] of [
    ["127.0.0.1:7070", "must begin with http"],
    ["ftp://x", "must begin with http"],
    ["http://x/v1", "must have no path"],
    ["http://", "must be an address"],
    ["http://me:s3cret@x", "no user or password"],
    ["http://x:70700", "must be an address"],
  ] as const) {
    assert.throws(() => new tc.Client(url), (error: tc.InvalidField) => {
      assert.match(error.message, new RegExp(rule));
      return error instanceof tc.InvalidField && !error.message.includes("s3cret");
    }, url);
  }
  assert.throws(() => new tc.Client("http://x", { apiKey: "s3cret\n" }), (error: Error) => !error.message.includes("s3cret"));
  assert.throws(() => new tc.Client("http://x", { caFile: "ca.pem" }), /https/);
});

test("requests name tenant, key and the ledger that answered first", async (context) => {
  const server = await scripted(context, () => answers(200, { state: "open" }, { "tollgate-ledger": "07/run-1" }));
  const client = new tc.Client(server.url, { tenant: "acme", apiKey: "tg_1" });
  await client.allocate({ allocation: "a/b", usd: "0.0000001", labels: { team: "ä" } });
  await client.allocation("a/b", { atLeast: "x@0:1" });
  await client.release("a/b");
  await client.gate("T 1", "completion", { id: "g-1" });
  await client.task("..");
  client.close();
  assert.deepEqual(server.requests.map(({ endpoint, body }) => [endpoint, body]), [
    ["POST /v1/allocations", '{"allocation":"a/b","labels":{"team":"ä"},"tenant":"acme","usd":"0.0000001"}'],
    ["GET /v1/allocations/a%2Fb?tenant=acme&at_least=x@0:1", ""],
    ["POST /v1/allocations/a%2Fb/release", '{"tenant":"acme"}'],
    ["POST /v1/tasks/T%201/gate?tenant=acme", '{"advance_to":"completion","id":"g-1"}'],
    ["GET /v1/tasks/..?tenant=acme", ""],
  ]);
  assert.ok(server.requests.every(({ headers }) => headers.authorization === "Bearer tg_1"));
  assert.deepEqual(server.requests.map(({ headers }) => headers["tollgate-ledger"]), [undefined, "07", "07", "07", "07"]);
});

test("a call that fails for a while is tried again under the same name", async (context) => {
  const busy = answers(503, { ...PROBLEM, code: "busy", retryable: true });
  const script = [busy, undefined, answers(200, { state: "open" })];
  const server = await scripted(context, () => script.shift());
  const client = new tc.Client(server.url, { backoff: quick });
  await client.allocate({ tokens: 5 });
  assert.equal(server.requests.length, 3);
  assert.equal(new Set(server.requests.map(({ body }) => body)).size, 1);
  script.push(answers(409, { ...PROBLEM, code: "conflict", retryable: false }));
  await assert.rejects(client.allocate({ allocation: "a", tokens: 5 }), tc.Conflict);
  client.close();
});

test("what the ledger asks for is waited for, and a close ends it", async (context) => {
  const overloaded = answers(429, { ...PROBLEM, code: "overloaded", retryable: true }, { "retry-after": "300" });
  const server = await scripted(context, () => overloaded);
  const tracker = await tc.Tracker.start(server.url, "p", { onTrouble: () => {} });
  const pending = await tracker.reportUsage("T-1", { tokens: { output: 1 } });
  await assert.rejects(pending.wait(300), tc.LedgerAway);
  assert.equal(server.requests.length, 1);
  // It tries once more, and ends.
  await assert.rejects(tracker.close(), tc.NotDelivered);
  assert.equal(server.requests.length, 2);
});

test("the gate is asked for an answer that covers what was reported", async (context) => {
  const decided = { verdict: "warn", reasons: [], requirements: ["review"], position: "a@3:9" };
  const appended = { outcomes: [{ id: "e", outcome: "appended" }], position: "a@3:7" };
  const server = await scripted(context, ({ endpoint }) => answers(200, endpoint.includes("events") ? appended : decided));
  const tracker = await tc.Tracker.start(server.url, "p", { batching: { lingerMs: 3_600_000 } });
  await tracker.reportUsage("T-1", { tokens: { output: 1 } });
  const { verdict, mayGoOn, toDo } = await tracker.gate("T-1", "SPEC");
  assert.deepEqual([verdict, mayGoOn, toDo, tracker.position], ["warn", true, ["review"], "a@3:9"]);
  await tracker.close();
  const question = JSON.parse(server.requests.at(-1)!.body);
  assert.deepEqual([question.at_least, question.producer], ["a@3:7", "p"]);
});

test("a kept connection that is gone is no failure", async (context) => {
  const server = await scripted(context, () => answers(200, { state: "open" }));
  const client = new tc.Client(server.url, { tries: 1 });
  await client.allocation("a");
  // As a server does that has waited long enough; the client may not have seen it yet.
  server.server.closeIdleConnections();
  await client.allocation("a");
  client.close();
});

test("no answer is given up in time", async (context) => {
  const held: net.Socket[] = [];
  const mute = net.createServer((socket) => void held.push(socket));
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  afterwards(context, () => {
    for (const socket of held) socket.destroy();
    mute.close();
  });
  const url = `http://127.0.0.1:${(mute.address() as AddressInfo).port}`;
  const client = new tc.Client(url, { timeouts: { answerMs: 100 }, tries: 1 });
  await assert.rejects(client.health(), /no whole answer in time/);
  client.close();
  const tracker = await tc.Tracker.start(url, "p", { gatePatienceMs: 100 });
  const { verdict, decidedBy } = await tracker.gate("T-1", "SPEC");
  assert.deepEqual([verdict, decidedBy], ["allow", "policy"]);
  await tracker.close();
});

test("an answer that ends too early is none", async (context) => {
  const server = await scripted(context, () => ({ status: 200, headers: { "content-length": "100" }, body: '{"a":1}' }));
  // `writeHead` promises more than is sent.
  server.server.on("request", (request: http.IncomingMessage) => request.on("end", () => setImmediate(() => request.socket.destroy())));
  const client = new tc.Client(server.url, { tries: 1 });
  await assert.rejects(client.health(), tc.NoAnswer);
  client.close();
});

test("TLS with the certificates of a file", async (context) => {
  const file = (name: string): string => path.join(ROOT, "crates/client/cases/tls", name);
  const tls = https.createServer({ cert: readFileSync(file("cert.pem")), key: readFileSync(file("key.pem")) });
  const server = await scripted(context, () => answers(200, { status: "ok" }), tls as unknown as http.Server);
  const url = server.url.replace("http://", "https://");
  const client = new tc.Client(url, { caFile: file("cert.pem"), apiKey: "k" });
  assert.deepEqual(await client.health(), { status: "ok" });
  client.close();
  const distrustful = new tc.Client(url, { tries: 1 });
  await assert.rejects(distrustful.health(), /certificate/);
  distrustful.close();
});

test("positions are merged partition by partition", () => {
  for (const [known, added, expected] of [
    [undefined, "a@0:7", "a@0:7"],
    ["a@0:7", "a@3:9", "a@0:7,3:9"],
    ["a@0:7,10:2", "a@0:5,2:1", "a@0:7,2:1,10:2"],
    ["a@0:7", "b@0:1", "b@0:1"],
    ["a@", "a@0:1", "a@0:1"],
  ] as const) {
    assert.equal(merged(known, added), expected);
  }
});

test("what is not exact is not sent", async (context) => {
  const server = await scripted(context, () => undefined);
  const tracker = await tc.Tracker.start(server.url, "p");
  await assert.rejects(tracker.openTask("T-1", { budget_multiplier: 2.5 }), /send anything else as a text/);
  await tracker.close();
  assert.equal(server.requests.length, 0);
});

test("ids are UUIDs of version 7 that sort by time", () => {
  const ids = Array.from({ length: 100 }, newId);
  assert.ok(ids.every((id) => /^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/.test(id)), ids[0]);
  assert.equal(new Set(ids).size, 100);
});
