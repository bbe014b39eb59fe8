/** The tracker: reports what tasks do, each event once, and asks the gate. */

import { BACKOFF, type Backoff } from "./backoff.js";
import { Client } from "./client.js";
import { Closed, InvalidField, NotDelivered, Problem, reasonOf, TollgateError } from "./errors.js";
import * as events from "./events.js";
import type { Access } from "./http.js";
import { Sender, type Batching, type Delivery, type Reply, type Stats, type Trouble } from "./sender.js";
import { Spool, type SpoolOptions } from "./spool.js";
import { Memory } from "./store.js";
import type { Allocation, GateDecision, Verdict } from "./types.js";
import type { Usage } from "./usage.js";

/** How often one question to the gate is tried. */
const GATE_TRIES = 3;

/** Answers of a ledger that is busy, that takes no key of ours, or that is another one. */
const NOT_ABOUT_THE_QUESTION = new Set([401, 403, 408, 421, 429]);

export interface TrackerOptions extends Access {
  /** Owner of the tasks (default: `default`). */
  tenant?: string;
  /** Where events wait until the ledger has them. Without one they wait in memory, and are lost with the process. */
  spool?: string | SpoolOptions;
  batching?: Partial<Batching>;
  /** How many events may wait in memory without a spool (default: 10,000 events or 16 MiB). */
  maxEvents?: number;
  maxBytes?: number;
  /** What the gate answers if the ledger cannot be reached (default: `open`). */
  onUnreachable?: "open" | "closed";
  /** How long the gate may take before `onUnreachable` answers (default: 10 s). */
  gatePatienceMs?: number;
  backoff?: Backoff;
  /** Told of events that will never be in the log. By default each is a warning of the process. */
  onTrouble?: (trouble: Trouble) => void;
  /** The time of events, as RFC 3339. */
  clock?: () => string;
  /** Where event ids come from. */
  ids?: () => string;
}

/** Whether a task may go on, and what to do. */
export interface GateAnswer {
  verdict: Verdict;
  /** Whether the task may enter the phase. */
  mayGoOn: boolean;
  /** Why, as sentences with their numbers. */
  reasons: string[];
  /** What is required now: `explanation`, `review`, `post_mortem`, `investigation`, `remediation`. */
  toDo: string[];
  /** `server`, or `policy` if the ledger could not be reached. */
  decidedBy: "server" | "policy";
  /** The ledger's full answer; absent if the policy decided. */
  decision?: GateDecision;
}

/** How a tracker ended: everything is in the log, or the rest waits in the spool for the next one. */
export interface Ended {
  delivered: boolean;
  /** Covers everything that was acknowledged. */
  position: string | undefined;
  spoolBytes: number;
}

/** An event on its way. */
export class Pending {
  readonly #sender: Sender;
  readonly #reply: Reply;

  constructor(
    /** The event's id. */
    readonly id: string,
    sender: Sender,
    reply: Reply,
  ) {
    this.#sender = sender;
    this.#reply = reply;
  }

  /** Waits for what becomes of it; it is sent at once. Throws `Rejected` if the ledger refuses it. */
  wait(timeoutMs?: number): Promise<Delivery> {
    return this.#sender.wait(this.#reply, timeoutMs);
  }
}

/**
 * Reports to a ledger what tasks do, in order, each event once.
 *
 * An event keeps its id and its bytes across all tries. With a spool it is on disk when its report resolves, and is
 * delivered even if this process is killed, by the next tracker on the same spool. Without one it waits in memory.
 */
export class Tracker {
  /** Calls to the same ledger, for the same tenant. */
  readonly client: Client;
  readonly #maker: events.EventMaker;
  readonly #sender: Sender;
  readonly #running: Promise<void>;
  readonly #options: TrackerOptions;

  private constructor(client: Client, maker: events.EventMaker, sender: Sender, options: TrackerOptions) {
    this.client = client;
    this.#maker = maker;
    this.#sender = sender;
    this.#options = options;
    this.#running = sender.run();
    running.add(this);
  }

  /** `producer` is the name under which events are appended; it stays the same across restarts. What an earlier tracker
   * left in the spool is delivered first. */
  static async start(url: string, producer: string, options: TrackerOptions = {}): Promise<Tracker> {
    const batching = { maxEvents: 500, maxBytes: 512 << 10, lingerMs: 20, ...options.batching };
    const { maxEvents, maxBytes } = batching;
    if (!(maxEvents >= 1 && maxEvents <= 500 && maxBytes >= 1 && maxBytes <= 512 << 10)) {
      throw new InvalidField("batching", JSON.stringify(batching), "must be 1 to 500 events and 1 to 524288 bytes");
    }
    const { tenant = "default", backoff = BACKOFF, ids = events.newId } = options;
    const clock = options.clock ?? ((): string => events.instant(new Date()));
    const maker = new events.EventMaker(producer, tenant, clock, ids);
    const client = new Client(url, { ...options, tenant, backoff }, { connectMs: 2000, answerMs: 15_000 });
    let store: Memory | Spool = new Memory(options.maxEvents ?? 10_000, options.maxBytes ?? 16 << 20);
    if (options.spool !== undefined) {
      store = await Spool.open(typeof options.spool === "string" ? { dir: options.spool } : options.spool);
      client.transport.ledger = store.ledger;
    }
    const sender = new Sender(store, client.transport, batching, backoff, options.onTrouble ?? warn);
    return new Tracker(client, maker, sender, options);
  }

  /** Opens a task: `title`, `complexity` (Tiny … Large), `importance` (low … critical), `justification`, … */
  openTask(task: string, metadata: events.TaskMetadata = {}): Promise<Pending> {
    return this.report(task, "task_opened", () => events.taskOpened(metadata));
  }

  /** Starts a phase. The `attempt` of its delivery is the number of the attempt. */
  startPhase(task: string, phase: string): Promise<Pending> {
    return this.report(task, "phase_started", () => ({ phase: events.phaseName(phase) }));
  }

  /** Ends a phase: the active attempt, or the given one. */
  endPhase(task: string, phase: string, attempt?: number): Promise<Pending> {
    return this.report(task, "phase_ended", () => events.execution(phase, attempt));
  }

  /** Closes a task as `completed`, `cancelled` or `abandoned`. */
  closeTask(
    task: string,
    outcome = "completed",
    options: { reason?: string; author?: string } = {},
  ): Promise<Pending> {
    return this.report(task, "task_closed", () => events.taskClosed(outcome, options.reason, options.author));
  }

  /** Reports what a model call used. With an `id` and a time that can be made again, reporting the same call twice does
   * no harm. */
  reportUsage(task: string, usage: Usage, stamp: events.Stamp = {}): Promise<Pending> {
    return this.report(task, "usage_recorded", () => events.usageRecorded(usage), stamp);
  }

  /** Reports that a task or a phase waited: for a `queue`, a `rate_limit`, a `human` or something else. */
  reportWait(
    task: string,
    kind: string,
    waitMs: number,
    of: { phase?: string; attempt?: number } & events.Stamp = {},
  ): Promise<Pending> {
    return this.report(task, "wait_recorded", () => events.waitRecorded(kind, waitMs, of.phase, of.attempt), of);
  }

  /** Reports a sign of progress or trouble, such as `files_changed`; the same `key` again is a repetition. */
  reportSignal(
    task: string,
    name: string,
    value: number,
    of: { key?: string; phase?: string; attempt?: number } & events.Stamp = {},
  ): Promise<Pending> {
    const body = (): events.Body => events.signalRecorded(name, value, of.key, of.phase, of.attempt);
    return this.report(task, "signal_recorded", body, of);
  }

  /** Reports any event of the contract. Rejects with `InvalidField`, `QueueFull` or `SpoolError`; then nothing was
   * queued. With a spool, the event survives this process when this resolves. */
  async report(
    task: string,
    kind: string,
    body: events.Body | (() => events.Body),
    stamp: events.Stamp = {},
  ): Promise<Pending> {
    const event = this.#maker.event(task, kind, typeof body === "function" ? body() : body, stamp);
    return new Pending(event.id, this.#sender, await this.#sender.queue(event));
  }

  /** Waits until everything reported before is in the log, or refused and told as trouble. Resolves to a position that
   * covers everything acknowledged so far. Rejects with `LedgerAway` after several failed tries: the events are kept
   * and will be delivered. */
  flush(timeoutMs?: number): Promise<string | undefined> {
    return this.#sender.flush(timeoutMs);
  }

  /** Asks whether a task may enter a phase, or `completion`. What was reported before is delivered first, and the
   * answer takes it into account. If the ledger cannot be reached in time, or refuses the key, `onUnreachable` answers.
   * Rejects with a `Problem` if the ledger refuses the question: no such task, no such phase. */
  async gate(task: string, advanceTo: string): Promise<GateAnswer> {
    events.name("task", task);
    const advance = events.advanceOf(advanceTo);
    const patience = this.#options.gatePatienceMs ?? 10_000;
    const until = performance.now() + patience;
    let decision: GateDecision;
    try {
      const atLeast = await this.flush(patience);
      decision = await this.client.gate(task, advance, {
        producer: this.#maker.producer,
        ...(atLeast === undefined ? {} : { atLeast }),
        timeoutMs: Math.max(until - performance.now(), 1),
        tries: GATE_TRIES,
      });
    } catch (error) {
      if (!(error instanceof TollgateError) || error instanceof Closed) throw error;
      if (error instanceof Problem && error.status < 500 && !NOT_ABOUT_THE_QUESTION.has(error.status)) throw error;
      return this.#byPolicy(error);
    }
    if (decision.position !== undefined) this.#sender.covers(decision.position);
    const reasons = decision.reasons.map(({ message }) => message);
    const { verdict, requirements: toDo } = decision;
    return { verdict, mayGoOn: verdict !== "block", reasons, toDo, decidedBy: "server", decision };
  }

  /** Reports the usage of an allocation (`usage.allocation`), and releases the rest once that is in the log. Rejects
   * with `LedgerAway` if the ledger is away: the usage is kept, and the rest expires by itself. */
  async settle(task: string, usage: Usage & { allocation: string }, stamp: events.Stamp = {}): Promise<Allocation> {
    if (!usage.allocation) {
      throw new InvalidField("usage.allocation", usage.allocation, "must name the allocation to settle");
    }
    await this.reportUsage(task, usage, stamp);
    await this.flush();
    return this.client.release(usage.allocation);
  }

  /** Delivers what is queued and ends the tracker; if the ledger is away, the spool keeps it for the next one. Rejects
   * with `NotDelivered` if events are lost, because there is no spool. */
  async close(): Promise<Ended> {
    this.#sender.closing = true;
    this.#sender.changed.notify();
    await this.#running;
    this.client.close();
    running.delete(this);
    const left = this.#sender.left.splice(0);
    if (left.length > 0) {
      const reason = this.#sender.away?.reason ?? "it ended";
      throw new NotDelivered(left.map(({ json }) => json.toString("utf8")), reason);
    }
    const { spoolBytes } = this.#sender.stats;
    return { delivered: spoolBytes === 0, position: this.#sender.position, spoolBytes };
  }

  /** Covers everything acknowledged so far: pass it as `atLeast` to read those events. */
  get position(): string | undefined {
    return this.#sender.position;
  }

  /** What was done so far, and what waits. */
  stats(): Stats {
    return { ...this.#sender.stats };
  }

  #byPolicy(error: unknown): GateAnswer {
    const mayGoOn = (this.#options.onUnreachable ?? "open") === "open";
    this.#sender.stats.gatesByPolicy += 1;
    const reasons = [`the ledger could not be asked: ${reasonOf(error)}`];
    return { verdict: mayGoOn ? "allow" : "block", mayGoOn, reasons, toDo: [], decidedBy: "policy" };
  }
}

/** Trackers that are not closed. What they have in memory is delivered when the program has nothing else to do. */
const running = new Set<Tracker>();

process.on("beforeExit", () => {
  for (const tracker of running) tracker.close().catch((error: unknown) => process.emitWarning(reasonOf(error)));
});

function warn(trouble: Trouble): void {
  const said = trouble instanceof Error ? trouble.message : JSON.stringify(trouble);
  process.emitWarning(`an event will not be in the log: ${said}`, "TollgateWarning");
}
