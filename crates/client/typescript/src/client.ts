/** The API as typed calls. A call that fails for a reason that passes is tried again, under the same name. */

import { setTimeout as pause } from "node:timers/promises";

import { BACKOFF, delayMs, randomNumber, type Backoff } from "./backoff.js";
import { InvalidField, TollgateError } from "./errors.js";
import { advanceOf, newId, toJson } from "./events.js";
import { Transport, type Access } from "./http.js";
import type { Allocation, Appended, Check, GateDecision, SpendRequest } from "./types.js";
import { whole } from "./usage.js";

export interface ClientOptions extends Access {
  /** Owner of the data (default: that of the key, or `default`). */
  tenant?: string;
  /** How often a call is tried (default: 4). */
  tries?: number;
  backoff?: Backoff;
}

type Query = Record<string, string | number | boolean | undefined>;

/** What one call may take. */
interface CallOptions {
  body?: unknown;
  query?: Query;
  /** For all tries, in milliseconds. */
  timeoutMs?: number;
  tries?: number;
}

/** Calls to one ledger: the one that answered first. */
export class Client {
  readonly transport: Transport;
  readonly #tenant: string | undefined;
  readonly #tries: number;
  readonly #backoff: Backoff;

  /** `url` is `http://host:port` or `https://host:port`. Nothing is sent yet. */
  constructor(url: string, options: ClientOptions = {}, timeouts = { connectMs: 5000, answerMs: 90_000 }) {
    this.transport = new Transport(url, options, timeouts);
    this.#tenant = options.tenant;
    this.#tries = options.tries ?? 4;
    this.#backoff = options.backoff ?? BACKOFF;
  }

  /** Closes its connections. */
  close(): void {
    this.transport.close();
  }

  /** Any endpoint: a path below the server, with a query and a body. */
  async call<T = Record<string, unknown>>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    const given = Object.entries(options.query ?? {}).filter(([, value]) => value !== undefined);
    const query = given.map(([name, value]) => `${name}=${escaped(String(value))}`).join("&");
    const address = query === "" ? path : `${path}?${query}`;
    const body = options.body === undefined ? undefined : toJson(options.body);
    const until = options.timeoutMs === undefined ? undefined : performance.now() + options.timeoutMs;
    for (let failures = 1; ; failures++) {
      let askedS: number | undefined;
      try {
        const left = until === undefined ? undefined : Math.max(until - performance.now(), 1);
        const answer = await this.transport.send(method, address, body, left);
        askedS = answer.retryAfterS;
        return answer.value<T>();
      } catch (error) {
        const delay = delayMs(this.#backoff, failures, randomNumber(), askedS);
        const late = until !== undefined && performance.now() + delay >= until;
        const again = error instanceof TollgateError && error.retryable;
        if (!again || failures >= (options.tries ?? this.#tries) || late) throw error;
        await pause(delay);
      }
    }
  }

  /** Appends events, up to 500. Each has an `id`, which makes a retry harmless. To report, a `Tracker` is better. */
  append(events: Record<string, unknown>[], producer?: string): Promise<Appended> {
    return this.call("POST", "/v1/events", { body: { tenant: this.#tenant, producer, events } });
  }

  /** May this task enter a phase, or `completion`? A block is an answer, not an error. */
  gate(
    task: string,
    advanceTo: string,
    options: {
      id?: string;
      producer?: string;
      atLeast?: string;
      waitMs?: number;
      timeoutMs?: number;
      tries?: number;
    } = {},
  ): Promise<GateDecision> {
    const { id = newId(), producer, atLeast: at_least, waitMs: wait_ms, ...limits } = options;
    const body = { advance_to: advanceOf(advanceTo), id, producer, at_least, wait_ms };
    return this.call("POST", `/v1/tasks/${escaped(task)}/gate`, { body, query: { tenant: this.#tenant }, ...limits });
  }

  /** May this be spent? Nothing is reserved. */
  async check(request: SpendRequest): Promise<Check> {
    return this.call("POST", "/v1/check", { body: this.#spend(request) });
  }

  /**
   * Reserves what is about to be spent: under all policies, or not at all. The decision is durable on return; a refusal
   * is an answer, too (`state`). `allocation` is its name: choose one that is the same after a crash, then the same
   * request gets the first answer and reserves once. Without one, only this call's own tries are one.
   */
  async allocate(request: SpendRequest & { allocation?: string; ttl_s?: number }): Promise<Allocation> {
    const { allocation = newId(), ttl_s, ...spend } = request;
    if (ttl_s !== undefined) whole("ttl_s", ttl_s);
    return this.call("POST", "/v1/allocations", { body: { ...this.#spend(spend), allocation, ttl_s } });
  }

  /** One allocation, and what was used of it. Throws `NotFound` if there is none of this name. */
  allocation(allocation: string, options: { atLeast?: string } = {}): Promise<Allocation> {
    const query = { tenant: this.#tenant, at_least: options.atLeast };
    return this.call("GET", `/v1/allocations/${escaped(allocation)}`, { query });
  }

  /** Makes an allocation larger, or lets it last longer. Throws `Refused` if a policy does not allow it. */
  async extend(
    allocation: string,
    by: { id?: string; tokens?: number; usd?: string; ttl_s?: number },
  ): Promise<Allocation> {
    const { id = newId(), tokens, usd, ttl_s } = by;
    for (const [field, count] of Object.entries({ tokens, ttl_s })) if (count !== undefined) whole(field, count);
    const body = { tenant: this.#tenant, id, tokens, usd: money(usd), ttl_s };
    return this.call("POST", `/v1/allocations/${escaped(allocation)}/extend`, { body });
  }

  /** Sets free what an allocation has left. What was used of it stays used. */
  release(allocation: string, options: { author?: string } = {}): Promise<Allocation> {
    const body = { tenant: this.#tenant, author: options.author };
    return this.call("POST", `/v1/allocations/${escaped(allocation)}/release`, { body });
  }

  /** The status of a task: its phases, tokens and limits. */
  task(task: string, options: { atLeast?: string | undefined } = {}): Promise<Record<string, unknown>> {
    const query = { tenant: this.#tenant, at_least: options.atLeast };
    return this.call("GET", `/v1/tasks/${escaped(task)}`, { query });
  }

  /** How the ledger is. */
  health(): Promise<Record<string, unknown>> {
    return this.call("GET", "/v1/health");
  }

  #spend(request: SpendRequest): Record<string, unknown> {
    const { tokens, input_tokens, usd, units = {}, ...rest } = request;
    for (const [field, count] of Object.entries({ tokens, input_tokens, ...units })) {
      if (count !== undefined) whole(field, count);
    }
    const body = { tenant: this.#tenant, ...rest, tokens, input_tokens, usd: money(usd) };
    return Object.keys(units).length > 0 ? { ...body, units } : body;
  }
}

/** An amount as a decimal text. */
function money(usd: string | undefined): string | undefined {
  if (usd !== undefined && typeof usd !== "string") {
    throw new InvalidField("usd", usd, "must be a decimal text: a number is not exact");
  }
  return usd;
}

/** A text as one segment or value of an address. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(/%(40|3A|2C)/g, (code) => decodeURIComponent(code));
}
