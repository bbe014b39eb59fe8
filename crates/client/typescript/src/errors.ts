/** Why something failed. Each error says what was attempted, on what, which rule it breaks and what to do. */

import type { EventOutcome } from "./types.js";

/** Anything that this package throws. */
export class TollgateError extends Error {
  /** Whether the same call may succeed later. */
  readonly retryable: boolean = false;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A value breaks a rule of the ledger. Nothing was sent. */
export class InvalidField extends TollgateError {
  readonly value: string;

  constructor(
    readonly field: string,
    value: unknown,
    readonly rule: string,
  ) {
    const shown = String(value).slice(0, 80);
    super(`${field}: \`${shown}\`: ${rule}`);
    this.value = shown;
  }
}

/** There was no answer. The request may have been carried out: send it again, with the same ids. */
export class NoAnswer extends TollgateError {
  override readonly retryable = true;

  constructor(
    readonly method: string,
    readonly url: string,
    readonly reason: string,
  ) {
    super(`${method} ${url}: no answer: ${reason}`);
  }
}

/** The answer is none of Tollgate's. */
export class UnreadableAnswer extends TollgateError {
  override readonly retryable: boolean;

  constructor(
    readonly endpoint: string,
    readonly status: number,
    readonly begins: string,
  ) {
    super(
      `${endpoint}: status ${status}, and an answer that is none of Tollgate's: \`${begins}\`; is another program there?`,
    );
    this.retryable = status >= 500;
  }
}

/** A problem as the ledger answers it. */
export interface ProblemBody {
  status: number;
  code: string;
  detail: string;
  retryable: boolean;
  field?: string;
  value?: string;
  position?: string;
  outcomes?: EventOutcome[];
}

/** The ledger answered with a problem. `code` is stable; `detail` says what to do. */
export class Problem extends TollgateError {
  override readonly retryable: boolean;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly field: string | undefined;

  constructor(readonly problem: ProblemBody) {
    super(problem.detail);
    this.retryable = problem.retryable;
    this.status = problem.status;
    this.code = problem.code;
    this.detail = problem.detail;
    this.field = problem.field;
  }
}

/** The request breaks a rule, and the same one fails again. */
export class InvalidRequest extends Problem {}
/** The key is missing, not valid, or does not allow this. */
export class NotAllowed extends Problem {}
/** There is nothing of this name. */
export class NotFound extends Problem {}
/** The name or id was already used for something else. */
export class Conflict extends Problem {}
/** A rule or a policy refuses it. */
export class Refused extends Problem {}
/** A server of another ledger answers at this address. */
export class OtherLedger extends Problem {}
/** The ledger cannot do it now. */
export class Unavailable extends Problem {}

/** The error for a problem that the ledger answered with. */
export function problemOf(problem: ProblemBody): Problem {
  const { status } = problem;
  if ([400, 405, 406, 413, 415].includes(status)) return new InvalidRequest(problem);
  if (status === 401 || status === 403) return new NotAllowed(problem);
  if (status === 404) return new NotFound(problem);
  if (status === 409) return problem.code === "conflict" ? new Conflict(problem) : new Refused(problem);
  if (status === 421) return new OtherLedger(problem);
  if (status === 422) return new Refused(problem);
  if (status === 408 || status === 429 || status >= 500) return new Unavailable(problem);
  return new Problem(problem);
}

/** An event that the ledger refused for good. */
export class Rejected extends TollgateError {
  constructor(
    readonly id: string,
    readonly task: string,
    readonly kind: "conflict" | "refused",
    readonly code: string,
    readonly detail: string,
  ) {
    super(`event \`${id}\` of task \`${task}\` is not in the log: ${code}: ${detail}`);
  }
}

/** The ledger takes nothing now. What was reported is kept and will be delivered. */
export class LedgerAway extends TollgateError {
  override readonly retryable = true;

  constructor(
    readonly waiting: number,
    readonly reason: string,
  ) {
    super(`flushing: ${waiting} events wait for the ledger: ${reason}`);
  }
}

/** Events were lost at the end, because there is no spool. `events` has them as JSON. */
export class NotDelivered extends TollgateError {
  constructor(
    readonly events: string[],
    readonly reason: string,
  ) {
    super(
      `closing the tracker: ${events.length} events were not delivered and could not be kept: ${reason}; give it a spool`,
    );
  }
}

/** The tracker was closed before. */
export class Closed extends TollgateError {}

/** As many events wait as may. Nothing was queued. */
export class QueueFull extends TollgateError {
  override readonly retryable = true;
}

/** The spool could not be used. The event is not in it. */
export class SpoolError extends TollgateError {}

/** Another process uses the spool. */
export class SpoolLocked extends SpoolError {}

/** A response has no counters. Nothing is guessed: estimate its usage, or report none. */
export class NoUsage extends TollgateError {
  constructor(readonly field: string) {
    super(
      `reading the usage of a response: it has no \`${field}\`; ask the provider for it, or estimate it from lengths`,
    );
  }
}

/** A counter of a response breaks its rule. */
export class BadUsage extends TollgateError {
  constructor(
    readonly field: string,
    value: unknown,
    readonly rule: string,
  ) {
    super(`reading the usage of a response: \`${field}\` is \`${String(value).slice(0, 80)}\`: ${rule}`);
  }
}

/** What went wrong, as a text. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  return error.message || code || error.name;
}
