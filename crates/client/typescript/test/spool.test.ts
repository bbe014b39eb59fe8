/** The spool by itself: order, torn and damaged lines, a spool that is full, and what other clients left. */

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { crc32 } from "../src/crc32.js";
import { toJson, type Outgoing } from "../src/events.js";
import * as tc from "../src/index.js";
import { Spool } from "../src/spool.js";
import { place } from "./support.js";

function event(nth: number, more = ""): Outgoing {
  return { id: `e${nth}`, task: "T", json: Buffer.from(toJson({ id: `e${nth}`, task: "T", more })) };
}

async function ids(spool: Spool, events = 500): Promise<string> {
  return (await spool.peek(events, 1 << 20)).map(({ id }) => id).join(" ");
}

function segment(dir: string, number: number): string {
  return path.join(dir, `${String(number).padStart(20, "0")}.spool`);
}

/** Numbers that look random and are the same in each run. */
function dice(seed: number): (below: number) => number {
  let state = seed + 1;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Ids of all events that wait, by their files. */
function onDisk(dir: string): string[] {
  const names = readdirSync(dir).filter((name) => name.endsWith(".spool"));
  const lines = names.sort().flatMap((name) => readFileSync(path.join(dir, name), "utf8").trimEnd().split("\n"));
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line.slice(9)).id);
}

test("events come back in order, over segments and crashes", async (context) => {
  const root = place(context);
  for (let seed = 0; seed < 6; seed++) {
    const [roll, dir] = [dice(seed), path.join(root, `spool-${seed}`)];
    const options = { dir, segmentBytes: 200 };
    let [spool, waiting, settled, next] = [await Spool.open(options), [] as string[], new Set<string>(), 0];
    for (let step = 0; step < 80; step++) {
      const what = roll(10);
      if (what < 4) {
        const events = Array.from({ length: 1 + roll(3) }, () => event(next++, "x".repeat(roll(60))));
        await spool.append(events);
        waiting.push(...events.map(({ id }) => id));
      } else if (what === 4) {
        // What was settled of a segment that is not done comes again, and nothing else does.
        await spool.close();
        spool = await Spool.open(options);
        const found = onDisk(dir);
        assert.deepEqual(found.filter((id) => !settled.has(id)), waiting, `seed ${seed}`);
        for (const id of found) settled.delete(id);
        waiting = found;
      } else {
        const first = await spool.peek(1 + roll(5), 1 << 20);
        assert.deepEqual(first.map(({ id }) => id), waiting.slice(0, first.length), `seed ${seed}`);
        const keep = first.map(() => what > 7 && roll(2) === 0);
        await spool.settle(keep);
        for (const [nth, { id }] of first.entries()) if (!keep[nth]) settled.add(id);
        waiting = [...first.filter((_, nth) => keep[nth]).map(({ id }) => id), ...waiting.slice(first.length)];
      }
      assert.equal(spool.waiting, waiting.length, `seed ${seed}`);
      assert.equal(spool.front === spool.end, waiting.length === 0, `seed ${seed}`);
    }
    await spool.close();
  }
});

test("a torn line is cut, and a damaged one is set aside", async (context) => {
  const dir = path.join(place(context), "spool");
  let spool = await Spool.open({ dir });
  await spool.append([event(1), event(2), event(3)]);
  await spool.close();
  const whole = readFileSync(segment(dir, 1), "latin1");
  writeFileSync(segment(dir, 1), whole.replace('"e2"', '"e\r"') + "00000000 {", "latin1");
  spool = await Spool.open({ dir });
  assert.deepEqual([spool.waiting, await ids(spool)], [3, "e1 e3"]);
  const [line] = spool.takeSetAside();
  assert.equal(line?.line, 2);
  assert.match(readFileSync(line!.liesIn, "utf8"), /line 2: its sum says/);
  await spool.settle([false, false]);
  assert.deepEqual([spool.waiting, readdirSync(dir).filter((name) => name.endsWith(".spool"))], [0, []]);
  await spool.close();
});

test("a full spool takes nothing, and goes on", async (context) => {
  const dir = path.join(place(context), "spool");
  const spool = await Spool.open({ dir, maxBytes: 100 });
  await spool.append([event(1)]);
  await assert.rejects(spool.append([event(2, "x".repeat(100))]), /at most 100 bytes/);
  await spool.append([event(3)]);
  assert.equal(await ids(spool), "e1 e3");
  assert.equal(statSync(dir).mode & 0o777, 0o700);
  await spool.close();
});

test("what the clients in Rust and Python left is delivered", async (context) => {
  const dir = path.join(place(context), "spool");
  const json = '{"id":"e\\"1","task":"Ü","wait_recorded":{}}';
  assert.equal(crc32(Buffer.from(json)).toString(16), "d7104180");
  mkdirSync(dir);
  writeFileSync(segment(dir, 7), `d7104180 ${json}\n`);
  writeFileSync(path.join(dir, "ledger"), "07");
  const spool = await Spool.open({ dir });
  const [found] = await spool.peek(9, 1 << 20);
  assert.deepEqual([found?.id, found?.task, found?.json.toString(), spool.ledger], ['e"1', "Ü", json, "07"]);
  await spool.append([event(2)]);
  assert.ok(readdirSync(dir).includes(path.basename(segment(dir, 8))));
  await spool.close();
});

test("the ledger is remembered as long as anything waits", async (context) => {
  const dir = path.join(place(context), "spool");
  let spool = await Spool.open({ dir });
  await spool.append([event(1)]);
  await spool.isFor("0a");
  await spool.close();
  spool = await Spool.open({ dir });
  assert.equal(spool.ledger, "0a");
  await spool.peek(1, 1);
  await spool.settle([false]);
  await spool.close();
  spool = await Spool.open({ dir });
  assert.equal(spool.ledger, undefined);
  await spool.close();
  writeFileSync(path.join(dir, "ledger"), "nonsense");
  await assert.rejects(Spool.open({ dir }), tc.SpoolError);
});
