/** What an answer to an append says about each event: in the log, refused for good, or to be sent again. */

import { Problem, reasonOf, Rejected, UnreadableAnswer } from "./errors.js";
import type { Outgoing } from "./events.js";
import type { Appended, EventOutcome } from "./types.js";

/** Codes of refusals that are not the event's fault: the same event may be accepted later. */
const NOT_ITS_FAULT = new Set([
  "overloaded", "internal", "stopped", "unknown_outcome", "contended", "stale", "degraded", "disk_full", "unauthorized",
]);

/** The most bytes of one task's events in a request: a record of the ledger holds 256 KiB, and the events of one task
 * in a request become one record. */
const MAX_TASK_BYTES = 224 << 10;

/** An event that is in the log, or was ignored because tracking is off. */
export interface Recorded {
  kind: "recorded";
  /** The sequence of its record. */
  sequence?: number;
  /** The attempt number assigned to a phase start. */
  attempt?: number;
  /** Whether it was already there, from an earlier try. */
  duplicate: boolean;
  /** What its producer should know. */
  warnings: string[];
}

/** `undefined`: it is sent again with the same id. */
export type Fate = Recorded | Rejected | undefined;

/** What an answer means. */
export interface Judged {
  /** One for each event, in their order. */
  fates: Fate[];
  /** Covers the events that are in the log. */
  position?: string | undefined;
  /** Why some have to be sent again later: the ledger is away, or accepts no events. */
  away?: string | undefined;
  /** Whether the offending event was not named: fewer are sent at once to find it. */
  divide: boolean;
}

type Named = Pick<Outgoing, "id" | "task">;

/** Judges the answer to an append of these events, or the error that came instead. */
export function judge(events: readonly Named[], answer: Appended | Error): Judged {
  if (!(answer instanceof Error)) {
    const { outcomes, position } = answer;
    const fits = Array.isArray(outcomes) && outcomes.length === events.length;
    if (!fits) return away(events, miscounted(events, outcomes));
    return byOutcome(events, outcomes, position, undefined);
  }
  if (answer instanceof Problem) return byProblem(events, answer);
  // A proxy's response to a body that is too large.
  if (answer instanceof UnreadableAnswer && answer.status === 413) return whole(events, "too_large", answer.begins);
  return away(events, reasonOf(answer));
}

/** How many of the first events, given by task and size, fit in one request; at least one. */
export function fitting(sizes: readonly (readonly [string, number])[], maxBytes: number): number {
  let total = 0;
  const byTask = new Map<string, number>();
  for (const [nth, [task, size]] of sizes.entries()) {
    const ofTask = (byTask.get(task) ?? 0) + size;
    total += size;
    byTask.set(task, ofTask);
    if (nth > 0 && (total > maxBytes || ofTask > MAX_TASK_BYTES)) return nth;
  }
  return sizes.length;
}

function byProblem(events: readonly Named[], problem: Problem): Judged {
  const faulty = [400, 409, 413, 422].includes(problem.status);
  const { outcomes, position } = problem.problem;
  if (!outcomes || outcomes.length === 0) {
    if (faulty) return whole(events, problem.code, problem.detail);
    return away(events, `${problem.detail} (${problem.status} ${problem.code})`);
  }
  if (outcomes.length !== events.length) return away(events, miscounted(events, outcomes));
  return byOutcome(events, outcomes, position, faulty ? undefined : problem);
}

/** `trouble` kept events out of the log without being their fault. */
function byOutcome(
  events: readonly Named[],
  outcomes: EventOutcome[],
  position: string | undefined,
  trouble: Problem | undefined,
): Judged {
  let reason = trouble && `${trouble.detail} (${trouble.code})`;
  const fates = events.map((event, nth): Fate => {
    const { outcome, code = "refused", detail = "the ledger gives no reason", ...rest } = outcomes[nth]!;
    if (outcome === "appended" || outcome === "duplicate" || outcome === "ignored") {
      const { sequence, attempt, warnings = [] } = rest;
      return {
        kind: "recorded",
        ...(sequence === undefined ? {} : { sequence }),
        ...(attempt === undefined ? {} : { attempt }),
        duplicate: outcome === "duplicate",
        warnings,
      };
    }
    if (outcome === "conflict") return new Rejected(event.id, event.task, "conflict", code, detail);
    // If it was sent alone, there is no other event it could have been refused with.
    if (code === "refused_with" && events.length > 1) return undefined;
    if (NOT_ITS_FAULT.has(code) || trouble?.code === code) {
      reason ??= `${detail} (${code})`;
      return undefined;
    }
    return new Rejected(event.id, event.task, "refused", code, detail);
  });
  if (!fates.includes(undefined)) reason = undefined;
  return { fates, position, away: reason, divide: reason === undefined && fates.every((fate) => !fate) };
}

/** The request as a whole was refused, without mentioning its events. */
function whole(events: readonly Named[], code: string, detail: string): Judged {
  const [event, ...others] = events;
  if (event && others.length === 0) {
    return { fates: [new Rejected(event.id, event.task, "refused", code, detail)], divide: false };
  }
  return { fates: events.map(() => undefined), divide: true };
}

function away(events: readonly Named[], reason: string): Judged {
  return { fates: events.map(() => undefined), away: reason, divide: false };
}

function miscounted(events: readonly Named[], outcomes: unknown): string {
  const answered = Array.isArray(outcomes) ? outcomes.length : 0;
  return `POST /v1/events: ${events.length} events were sent, ${answered} outcomes answered; is another program there?`;
}
