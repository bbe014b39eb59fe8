/** How long to wait between tries: doubling up to a longest wait, with full jitter, after what was asked for. */

import { randomBytes } from "node:crypto";

/** Longest `Retry-After` that is honoured, in seconds: a longer one is a mistake, and events would pile up. */
const MAX_RETRY_AFTER_S = 300;

/** How waits between tries grow. */
export interface Backoff {
  /** The longest wait after the first failure, in milliseconds. */
  firstMs: number;
  /** The longest wait after any. */
  longestMs: number;
}

/** 100 ms, doubling up to 10 s: a ledger that restarts is found again within seconds. */
export const BACKOFF: Backoff = { firstMs: 100, longestMs: 10_000 };

/** The wait after so many failures in a row, from 1, in milliseconds: any time up to the doubled one, by `random`, in
 * addition to what the ledger asked for with `Retry-After`. */
export function delayMs(backoff: Backoff, failures: number, random: number, askedS: number | undefined): number {
  const doubled = Math.round(backoff.firstMs * 1000) * 2 ** Math.min(failures - 1, 20);
  const longest = Math.min(doubled, Math.round(backoff.longestMs * 1000));
  return (askedS ?? 0) * 1000 + (random % (longest + 1)) / 1000;
}

/** `Retry-After` in seconds; ledgers do not use the date form. */
export function retryAfterS(header: string | undefined): number | undefined {
  const text = (header ?? "").trim();
  return /^[0-9]{1,9}$/.test(text) ? Math.min(Number(text), MAX_RETRY_AFTER_S) : undefined;
}

/** A number for jitter. */
export function randomNumber(): number {
  return randomBytes(6).readUIntBE(0, 6);
}
