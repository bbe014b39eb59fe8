/** Events as they are sent: checked by the ledger's rules, and the same bytes for every retry. */

import { randomBytes } from "node:crypto";

import { InvalidField } from "./errors.js";
import { checkUsage, counts, totalTokens, whole, type Usage } from "./usage.js";

const MAX_ID_BYTES = 128;
const MAX_TEXT_BYTES = 2000;
const MAX_NAME_BYTES = 64;
const MAX_LABELS = 32;
const COMPLEXITIES = ["Tiny", "Small", "Medium", "Large"];
const IMPORTANCES = ["low", "medium", "high", "critical"];
const MAX_WAIT_MS = 366 * 24 * 60 * 60 * 1000;

export type Body = Record<string, unknown>;

/** An event in the form that the ledger expects, with the names needed to report about it. */
export interface Outgoing {
  readonly id: string;
  readonly task: string;
  /** Its JSON without line feeds. Never changed afterwards: a retry sends the same bytes. */
  readonly json: Buffer;
}

/** The id and the time of an event, if the caller has its own. */
export interface Stamp {
  /** The idempotency key: one that can be made again, such as the provider's id of the call. */
  id?: string;
  /** When it happened: a time in RFC 3339, or a `Date`. */
  occurredAt?: string | Date;
  /** W3C trace context. */
  traceParent?: string;
}

/** What is known of a task when it opens. Other fields of the event `task_opened` are sent as they are. */
export interface TaskMetadata {
  title?: string;
  complexity?: string;
  importance?: string;
  justification?: string;
  tags?: string[];
  labels?: Record<string, string>;
  author?: string;
  [field: string]: unknown;
}

/** A UUID of version 7: ids of one producer sort by time. */
export function newId(): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString("hex");
}

/** A time as the ledger reads it. A text is taken as it is. */
export function instant(at: string | Date): string {
  if (typeof at === "string") return at;
  if (Number.isNaN(at.getTime())) throw new InvalidField("occurred_at", at, "must be a time");
  return at.toISOString().replace(".000Z", "Z");
}

/** Compact JSON with sorted names, as the client in Rust writes it. */
export function toJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(([, one]) => one !== undefined);
    fields.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return `{${fields.map(([name, one]) => `${JSON.stringify(name)}:${toJson(one)}`).join(",")}}`;
  }
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new InvalidField("number", value, "must be a whole number that is exact; send anything else as a text");
  }
  return JSON.stringify(value) ?? "null";
}

/** Makes events of one producer of one tenant. */
export class EventMaker {
  constructor(
    readonly producer: string,
    readonly tenant: string,
    readonly clock: () => string,
    readonly ids: () => string,
  ) {
    name("producer", producer);
    if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(tenant)) {
      const rule = "must be 1 to 64 of A-Z a-z 0-9 - _ and begin with a letter or digit";
      throw new InvalidField("tenant", tenant, rule);
    }
  }

  /** An event with its id and time, which it keeps. */
  event(task: string, kind: string, body: Body, stamp: Stamp): Outgoing {
    name("task", task);
    const id = stamp.id === undefined ? this.ids() : name("id", stamp.id);
    const event = {
      tenant: this.tenant,
      task,
      producer: this.producer,
      id,
      occurred_at: stamp.occurredAt === undefined ? this.clock() : instant(stamp.occurredAt),
      trace_parent: stamp.traceParent,
      [kind]: body,
    };
    return { id, task, json: Buffer.from(toJson(event)) };
  }
}

export function taskOpened(metadata: TaskMetadata): Body {
  const { title, justification, author, complexity, importance, tags, labels: pairs, ...more } = metadata;
  return {
    ...more,
    ...texts("task_opened", { title, justification, author }),
    ...(complexity === undefined ? {} : { complexity: oneOf("complexity", complexity, COMPLEXITIES) }),
    ...(importance === undefined ? {} : { importance: oneOf("importance", importance, IMPORTANCES) }),
    ...(tags && tags.length > 0 ? { tags } : {}),
    ...labels("task_opened", pairs),
  };
}

export function taskClosed(outcome: string, reason?: string, author?: string): Body {
  const word = oneOf("outcome", outcome, ["completed", "cancelled", "abandoned"]);
  return { outcome: word, ...texts("task_closed", { reason, author }) };
}

export function usageRecorded(usage: Usage): Body {
  checkUsage(usage);
  const { provider, model, component, request_id, service_tier, allocation, context } = usage;
  const used = counts(usage.tokens ?? {});
  const { cache_write_1h, ...kinds } = used;
  const units = Object.entries(usage.units ?? {}).filter(([, count]) => count > 0);
  return {
    ...execution(usage.phase, usage.attempt),
    ...texts("usage_recorded", { provider, model, component, request_id, service_tier, allocation, context }),
    ...(units.length > 0 ? { units: Object.fromEntries(units) } : {}),
    ...(totalTokens(used) > 0 || units.length === 0
      ? { tokens: cache_write_1h > 0 ? { ...kinds, cache_write_1h } : kinds }
      : {}),
    ...(usage.estimated === true ? { estimated: true } : {}),
    ...labels("usage_recorded", usage.labels),
  };
}

export function waitRecorded(kind: string, waitMs: number, phase?: string, attempt?: number): Body {
  const body = execution(phase, attempt);
  return { ...body, kind: short("kind", kind), wait_ms: whole("wait_ms", waitMs, MAX_WAIT_MS) };
}

export function signalRecorded(signal: string, value: number, key?: string, phase?: string, attempt?: number): Body {
  if (!Number.isSafeInteger(value)) throw new InvalidField("value", value, "must be a whole number");
  const body = { ...execution(phase, attempt), name: short("name", signal), value };
  return key === undefined ? body : { ...body, key: short("key", key) };
}

/** The phase, and the attempt of it, that something belongs to. */
export function execution(phase?: string, attempt?: number): Body {
  if (phase === undefined) {
    if (attempt === undefined) return {};
    throw new InvalidField("attempt", attempt, "needs a phase: attempts are counted per phase");
  }
  const body = { phase: phaseName(phase) };
  if (attempt === undefined) return body;
  if (whole("attempt", attempt) === 0) {
    throw new InvalidField("attempt", attempt, "must be 1 or more: attempts count from 1");
  }
  return { ...body, attempt };
}

export function phaseName(phase: string, field = "phase"): string {
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,31}$/.test(phase)) {
    throw new InvalidField(field, phase, "must be 1 to 32 of A-Z 0-9 _ - and begin with a letter");
  }
  return phase.toUpperCase();
}

/** Where the gate is asked to: a phase, or `completion`. */
export function advanceOf(advanceTo: string): string {
  return advanceTo.toLowerCase() === "completion" ? "completion" : phaseName(advanceTo, "advance_to");
}

/** A name that the caller chose. */
export function name(field: string, text: string): string {
  const bytes = typeof text === "string" ? Buffer.byteLength(text) : 0;
  if (bytes < 1 || bytes > MAX_ID_BYTES) {
    throw new InvalidField(field, text, `must be 1 to ${MAX_ID_BYTES} bytes of UTF-8`);
  }
  if (/[\p{Cc}\p{Cs}]/u.test(text)) throw new InvalidField(field, text, "must have no control characters");
  if (text !== text.trim()) throw new InvalidField(field, text, "must have no white space at its ends");
  return text;
}

function texts(kind: string, given: Record<string, string | undefined>): Body {
  const body: Body = {};
  for (const [field, text] of Object.entries(given)) {
    if (text === undefined) continue;
    const most = field === "allocation" || field === "context" ? MAX_ID_BYTES : MAX_TEXT_BYTES;
    body[field] = bounded(`${kind}.${field}`, text, most);
  }
  return body;
}

function labels(kind: string, pairs: Record<string, string> | undefined): Body {
  const entries = Object.entries(pairs ?? {});
  if (entries.length === 0) return {};
  if (entries.length > MAX_LABELS) {
    throw new InvalidField(`${kind}.labels`, `${entries.length} entries`, `must have at most ${MAX_LABELS} entries`);
  }
  for (const [key, value] of entries) {
    bounded(`${kind}.labels`, key);
    bounded(`${kind}.labels.${key}`, value);
  }
  return { labels: pairs };
}

function bounded(field: string, text: string, most = MAX_TEXT_BYTES): string {
  if (typeof text !== "string" || text === "") {
    throw new InvalidField(field, text, "must be a text that is not empty: omit it if there is none");
  }
  if (Buffer.byteLength(text) > most) throw new InvalidField(field, text, `must have at most ${most} bytes`);
  return text;
}

function short(field: string, text: string): string {
  return bounded(field, text, MAX_NAME_BYTES);
}

function oneOf(field: string, text: string, words: string[]): string {
  const known = words.find((word) => word.toLowerCase() === text.toLowerCase());
  if (known === undefined) throw new InvalidField(field, text, `must be one of ${words.join(", ")}`);
  return known;
}
