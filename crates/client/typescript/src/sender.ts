/** What waits, and what sends it: one request at a time, in order. */

import { fitting, judge, type Fate, type Judged, type Recorded } from "./answer.js";
import { delayMs, randomNumber, type Backoff } from "./backoff.js";
import { Changed } from "./changed.js";
import { Closed, LedgerAway, reasonOf, Rejected, SpoolError } from "./errors.js";
import type { Outgoing } from "./events.js";
import type { Transport } from "./http.js";
import { merged } from "./position.js";
import type { SetAside, Store } from "./store.js";
import type { Appended } from "./types.js";

/** Number of consecutive failures after which the ledger counts as away: a single lost connection does not affect those
 * who wait. */
const AWAY_AFTER = 3;

/** The ledger is away: the event is kept and will be delivered. If it is refused then, that is trouble. */
export interface Kept {
  kind: "kept";
  attempt?: never;
}

/** What happened to an event that was awaited. */
export type Delivery = Recorded | Kept;

/** The tracker ended without a spool while the ledger was away; `json` is the event, to append it by hand. */
export interface Undelivered {
  kind: "undelivered";
  id: string;
  task: string;
  json: string;
}

/** What went wrong with events that no caller awaits. */
export type Trouble = Rejected | SetAside | Undelivered;

/** How events are combined into requests. */
export interface Batching {
  /** The most events in one request, up to 500. */
  maxEvents: number;
  /** The most bytes of events in one request, up to 512 KiB. */
  maxBytes: number;
  /** How long an event may wait for others. Awaited events, the gate and a flush never wait. */
  lingerMs: number;
}

/** What a tracker did so far, and what waits. */
export interface Stats {
  queued: number;
  appended: number;
  duplicates: number;
  conflicts: number;
  refused: number;
  setAside: number;
  requests: number;
  failedRequests: number;
  gatesByPolicy: number;
  waiting: number;
  spoolBytes: number;
}

/** Somebody who may wait for the outcome of an event. */
export interface Reply {
  result?: Delivery | Rejected | Closed;
  /** The place after the event. */
  place: number;
}

interface Appending {
  event: Outgoing;
  done: (error?: unknown) => void;
}

/** Holds events until the ledger has them, and sends them. */
export class Sender {
  readonly changed = new Changed();
  readonly stats: Stats = {
    queued: 0, appended: 0, duplicates: 0, conflicts: 0, refused: 0, setAside: 0, requests: 0, failedRequests: 0,
    gatesByPolicy: 0, waiting: 0, spoolBytes: 0,
  };
  position: string | undefined;
  closing = false;
  /** Events that were left at the end and are lost. */
  left: Outgoing[] = [];
  away: { reason: string; failures: number; held: boolean } | undefined;
  #store: Store | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #appending: Appending[] = [];
  #replies = new Map<string, Reply[]>();
  #urgentBelow: number;
  #front: number;
  #end: number;
  #failedRounds = 0;
  #tryNow = false;
  #ended = false;
  #atMost: number;

  constructor(
    store: Store,
    readonly transport: Transport,
    readonly batching: Batching,
    readonly backoff: Backoff,
    readonly onTrouble: (trouble: Trouble) => void,
  ) {
    this.#store = store;
    this.#atMost = batching.maxEvents;
    // What an earlier process left is not held back for others to join.
    this.#urgentBelow = this.#front = this.#end = 0;
    this.#look(store);
    this.#urgentBelow = store.end;
  }

  /** Puts an event after all others. */
  async queue(event: Outgoing): Promise<Reply> {
    if (this.closing || this.#ended) {
      throw new Closed(`queueing event \`${event.id}\` of task \`${event.task}\`: the tracker is closed`);
    }
    const [reply, key]: [Reply, string] = [{ place: 0 }, keyOf(event)];
    this.#replies.set(key, [...(this.#replies.get(key) ?? []), reply]);
    try {
      await new Promise<void>((resolve, reject) => {
        const done = (error?: unknown): void => (error === undefined ? resolve() : reject(error));
        this.#appending.push({ event, done });
        // All that were reported in the meantime are written together.
        this.#use((store) => this.#append(store)).catch(done);
      });
    } catch (error) {
      const others = (this.#replies.get(key) ?? []).filter((other) => other !== reply);
      if (others.length > 0) this.#replies.set(key, others);
      else this.#replies.delete(key);
      throw error;
    }
    this.stats.queued += 1;
    reply.place = this.#end;
    return reply;
  }

  /** Waits for the outcome of an event, which is sent at once. Throws what it is refused with. */
  async wait(reply: Reply, timeoutMs?: number): Promise<Delivery> {
    this.#urgentBelow = Math.max(this.#urgentBelow, reply.place);
    this.changed.notify();
    if (!(await this.changed.until(() => reply.result !== undefined, timeoutMs)) || !reply.result) {
      throw new LedgerAway(this.stats.waiting, "no outcome in time; the event is kept and will be delivered");
    }
    if (reply.result instanceof Error) throw reply.result;
    return reply.result;
  }

  /** Waits until everything that was queued before is in the log or refused. */
  async flush(timeoutMs?: number): Promise<string | undefined> {
    // Reports that were not awaited are before this, too.
    await this.#tail;
    const [below, failedBefore] = [this.#end, this.#failedRounds];
    this.#urgentBelow = Math.max(this.#urgentBelow, below);
    this.#tryNow = true;
    this.changed.notify();
    const isAway = (): boolean => {
      const { away } = this;
      return away !== undefined && away.failures >= AWAY_AFTER && (away.held || this.#failedRounds > failedBefore);
    };
    const decided = (): boolean => this.#front >= below || this.#ended || isAway();
    if (!(await this.changed.until(decided, timeoutMs))) {
      throw new LedgerAway(this.stats.waiting, `no answer within ${timeoutMs} ms`);
    }
    if (this.#front >= below) return this.position;
    if (this.away) throw new LedgerAway(this.stats.waiting, this.away.reason);
    throw new Closed("flushing: the tracker is closed");
  }

  /** Something up to this position is acknowledged. */
  covers(position: string): void {
    this.position = merged(this.position, position);
  }

  /** Sends until the tracker is closed and everything is settled or kept. */
  async run(): Promise<void> {
    try {
      while (await this.#hasWork()) {
        const { reason, askedS } = await this.#round();
        if (reason === undefined) {
          this.away = undefined;
          this.changed.notify();
          continue;
        }
        const failures = this.#failed(reason, askedS !== undefined);
        if (this.closing && (failures >= AWAY_AFTER || askedS !== undefined)) break;
        await this.#pause(failures, askedS);
      }
    } finally {
      await this.#finish();
    }
  }

  /** Works on the store, one after the other. Throws `Closed` after the end. */
  #use<T>(work: (store: Store) => Promise<T>): Promise<T> {
    const done = this.#tail.then(async () => {
      const store = this.#store;
      if (!store) throw new Closed("the tracker is closed; report before closing it");
      return work(store).finally(() => this.#look(store));
    });
    this.#tail = done.catch(() => {});
    return done;
  }

  #look(store: Store): void {
    [this.#front, this.#end] = [store.front, store.end];
    [this.stats.waiting, this.stats.spoolBytes] = [store.waiting, store.keptBytes];
    this.changed.notify();
  }

  async #append(store: Store): Promise<void> {
    const all = this.#appending.splice(0);
    try {
      if (all.length > 0) await store.append(all.map(({ event }) => event));
    } catch (error) {
      if (all.length === 1) return all[0]!.done(error);
      // Those that fit go.
      for (const { event, done } of all) await store.append([event]).then(() => this.#placed(store, done), done);
      return;
    }
    for (const { done } of all) this.#placed(store, done);
  }

  #placed(store: Store, done: () => void): void {
    this.#look(store);
    done();
  }

  /** Waits until there is something to send; `false` once the tracker is closed and nothing is left. */
  async #hasWork(): Promise<boolean> {
    const { batching } = this;
    await this.changed.until(() => this.#front < this.#end || this.closing, undefined, { keepsProgram: false });
    const due = (): boolean =>
      this.#front < this.#urgentBelow || this.stats.waiting >= batching.maxEvents || this.closing;
    await this.changed.until(due, batching.lingerMs);
    return this.#front < this.#end;
  }

  /** Sends one request. Returns why the ledger takes nothing, and how long it asks to wait. */
  async #round(): Promise<{ reason?: string | undefined; askedS?: number | undefined }> {
    this.#tryNow = false;
    let events: Outgoing[];
    try {
      events = await this.#use((store) => this.#next(store));
    } catch (error) {
      return { reason: reasonOf(error) };
    }
    if (events.length === 0) return {};
    this.stats.requests += 1;
    const { judged, askedS } = await this.#send(events);
    this.#atMost = judged.divide ? Math.max(Math.floor(events.length / 2), 1) : this.batching.maxEvents;
    let reason = judged.away;
    // First this: a flush ends when they are gone, and has to know the position.
    this.#tell(events, judged.fates, judged.position);
    try {
      const keep = judged.fates.map((fate) => fate === undefined);
      await this.#use(async (store) => {
        if (this.transport.ledger !== undefined) await store.isFor(this.transport.ledger);
        await store.settle(keep);
      });
    } catch (error) {
      // What is settled and not gone is sent again, and is a duplicate.
      reason ??= reasonOf(error);
    }
    return { reason, askedS };
  }

  async #next(store: Store): Promise<Outgoing[]> {
    const { maxBytes } = this.batching;
    const events = await store.peek(this.#atMost, maxBytes);
    for (const line of store.takeSetAside()) {
      this.stats.setAside += 1;
      this.#trouble(line);
    }
    return events.slice(0, fitting(events.map(({ task, json }) => [task, json.length]), maxBytes));
  }

  async #send(events: readonly Outgoing[]): Promise<{ judged: Judged; askedS?: number | undefined }> {
    const body = Buffer.concat([
      Buffer.from('{"events":['),
      ...events.flatMap(({ json }, nth) => (nth === 0 ? [json] : [Buffer.from(","), json])),
      Buffer.from("]}"),
    ]);
    let askedS: number | undefined;
    try {
      const answer = await this.transport.send("POST", "/v1/events", body);
      askedS = answer.retryAfterS;
      return { judged: judge(events, answer.value<Appended>()), askedS };
    } catch (error) {
      return { judged: judge(events, error instanceof Error ? error : new Error(String(error))), askedS };
    }
  }

  /** Counts outcomes, and tells those who wait for them. */
  #tell(events: readonly Outgoing[], fates: readonly Fate[], position: string | undefined): void {
    if (position !== undefined) this.covers(position);
    for (const [nth, fate] of fates.entries()) {
      if (!fate) continue;
      const event = events[nth]!;
      if (!(fate instanceof Rejected)) this.stats[fate.duplicate ? "duplicates" : "appended"] += 1;
      else this.stats[fate.kind === "conflict" ? "conflicts" : "refused"] += 1;
      // The same id may have been reported again: each report has an outcome of its own.
      const [reply, ...others] = this.#replies.get(keyOf(event)) ?? [];
      if (others.length > 0) this.#replies.set(keyOf(event), others);
      else this.#replies.delete(keyOf(event));
      if (reply) reply.result = fate;
      if (fate instanceof Rejected) this.#trouble(fate);
    }
    this.changed.notify();
  }

  #failed(reason: string, held: boolean): number {
    const failures = (this.away?.failures ?? 0) + 1;
    this.away = { reason, failures, held };
    this.#failedRounds += 1;
    this.stats.failedRequests += 1;
    if (failures >= AWAY_AFTER) this.#replyAll({ kind: "kept" });
    this.changed.notify();
    return failures;
  }

  /** Waits before the next try. A flush or close shortens the wait, unless the ledger asked for it. */
  async #pause(failures: number, askedS: number | undefined): Promise<void> {
    const wasClosing = this.closing;
    const goesOn = (): boolean => (this.#tryNow && askedS === undefined) || (this.closing && !wasClosing);
    const waitMs = delayMs(this.backoff, failures, randomNumber(), askedS);
    // A program that has nothing else to do may end: it closes its trackers then.
    await this.changed.until(goesOn, waitMs, { keepsProgram: wasClosing });
  }

  async #finish(): Promise<void> {
    let keptOnDisk = true;
    await this.#use(async (store) => {
      keptOnDisk = store.keptBytes > 0;
      this.left = keptOnDisk ? [] : await store.peek(store.waiting, Number.MAX_SAFE_INTEGER);
      await store.close();
    }).catch((error: unknown) => {
      if (!(error instanceof SpoolError)) throw error;
    });
    this.#store = undefined;
    this.#ended = true;
    const lost = new Closed("the tracker ended before it could deliver the event");
    this.#replyAll(keptOnDisk ? { kind: "kept" } : lost);
    this.transport.close();
    for (const { id, task, json } of this.left) {
      this.#trouble({ kind: "undelivered", id, task, json: json.toString("utf8") });
    }
    this.changed.notify();
  }

  #replyAll(result: Delivery | Closed): void {
    for (const replies of this.#replies.values()) for (const reply of replies) reply.result = result;
    this.#replies.clear();
  }

  #trouble(trouble: Trouble): void {
    try {
      this.onTrouble(trouble);
    } catch (error) {
      process.emitWarning(`onTrouble failed: ${reasonOf(error)}`);
    }
  }
}

function keyOf(event: Outgoing): string {
  return JSON.stringify([event.task, event.id]);
}
