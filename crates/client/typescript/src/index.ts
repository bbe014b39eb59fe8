/**
 * The client of Tollgate, the budget ledger for AI agents. No dependencies.
 *
 * `Tracker` reports what tasks do, survives a ledger that is away, and asks the gate. `Client` has the calls: check,
 * allocate, release. `usageOf` reads what a provider's response says about usage.
 */

export type { Recorded } from "./answer.js";
export type { Backoff } from "./backoff.js";
export { Client, type ClientOptions } from "./client.js";
export {
  BadUsage, Closed, Conflict, InvalidField, InvalidRequest, LedgerAway, NoAnswer, NotAllowed, NotDelivered, NotFound,
  NoUsage, OtherLedger, Problem, QueueFull, Refused, Rejected, SpoolError, SpoolLocked, TollgateError, Unavailable,
  UnreadableAnswer, type ProblemBody,
} from "./errors.js";
export type { Stamp, TaskMetadata } from "./events.js";
export type { Access, Timeouts } from "./http.js";
export { UsageReader, usageOf, type ResponseFormat } from "./responses.js";
export type { Batching, Delivery, Kept, Stats, Trouble, Undelivered } from "./sender.js";
export type { SpoolOptions } from "./spool.js";
export type { SetAside } from "./store.js";
export { Pending, Tracker, type Ended, type GateAnswer, type TrackerOptions } from "./tracker.js";
export type * from "./types.js";
export { estimatedUsage, totalTokens, type Tokens, type Unit, type Usage } from "./usage.js";
