/** What a model call used: tokens by kind and other units, as whole numbers. */

import { InvalidField } from "./errors.js";

/** Largest count of one kind in one event. */
export const MAX_COUNT = 10 ** 12;

/** Tokens of one call by kind; a kind that is absent is 0. The kinds do not overlap, except that `reasoning` is a part
 * of `output` and `cache_write_1h` a part of `cache_write`. */
export interface Tokens {
  /** Input that was neither read from nor written to a cache. */
  input_uncached?: number;
  /** Input read from a cache. */
  cached_input?: number;
  /** Input written to a cache. */
  cache_write?: number;
  /** Output, reasoning included. */
  output?: number;
  /** The part of `output` spent on reasoning. */
  reasoning?: number;
  /** The part of `cache_write` that the cache keeps for an hour. */
  cache_write_1h?: number;
}

/** What calls are billed for besides tokens. */
export const UNITS = [
  "input_characters", "output_characters", "input_images", "output_images", "input_pixels", "output_pixels",
  "input_ms", "output_ms", "input_audio_ms", "input_video_ms", "output_video_ms", "pages", "annotated_pages",
  "queries", "requests", "input_audio_tokens", "input_image_tokens", "output_audio_tokens", "output_image_tokens",
] as const;

export type Unit = (typeof UNITS)[number];

/** What one model call used, and what it was for. */
export interface Usage {
  /** The phase it belongs to; without one it counts in the task's totals only. */
  phase?: string;
  /** Which attempt of the phase; the latest one if absent. */
  attempt?: number;
  provider?: string;
  /** Which model; without it there is no price. */
  model?: string;
  /** Which part of the caller made the call. */
  component?: string;
  /** The provider's id of the call. */
  request_id?: string;
  service_tier?: string;
  /** The allocation that the call uses. */
  allocation?: string;
  /** The context whose open allocation it uses. */
  context?: string;
  labels?: Record<string, string>;
  tokens?: Tokens;
  /** What else the call is billed for, by unit. */
  units?: Partial<Record<Unit, number>>;
  /** Whether the counts are an estimate. */
  estimated?: boolean;
}

const KINDS = ["input_uncached", "cached_input", "cache_write", "output", "reasoning", "cache_write_1h"] as const;

/** Usage that no model reported, from the number of characters: a quarter of them, rounded up. */
export function estimatedUsage(promptChars: number, completionChars: number, of: Usage = {}): Usage {
  const all = whole("prompt_chars", promptChars) + whole("completion_chars", completionChars);
  const output = Math.ceil(completionChars / 4);
  return { ...of, tokens: { input_uncached: Math.ceil(all / 4) - output, output }, estimated: true };
}

/** All tokens, each counted once. */
export function totalTokens(tokens: Tokens): number {
  const { input_uncached, cached_input, cache_write, output } = counts(tokens);
  return input_uncached + cached_input + cache_write + output;
}

/** Each kind, with 0 for those that are absent. */
export function counts(tokens: Tokens): Required<Tokens> {
  const all = { input_uncached: 0, cached_input: 0, cache_write: 0, output: 0, reasoning: 0, cache_write_1h: 0 };
  for (const kind of KINDS) all[kind] = tokens[kind] ?? 0;
  return all;
}

/** A count: a whole number from 0, small enough to be exact. */
export function whole(field: string, value: unknown, most?: number): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new InvalidField(field, value, "must be a whole number from 0");
  }
  if (most !== undefined && value > most) {
    throw new InvalidField(field, value, `must be at most ${most}, the most one event may hold`);
  }
  return value;
}

/** Throws `InvalidField` if no call can have used this. */
export function checkTokens(tokens: Tokens, path: string): void {
  for (const kind of KINDS) whole(`${path}.${kind}`, tokens[kind] ?? 0, MAX_COUNT);
  const { output, reasoning, cache_write, cache_write_1h } = counts(tokens);
  if (reasoning > output) {
    const rule = `must not be above tokens.output (${output}): reasoning is a part of output`;
    throw new InvalidField(`${path}.reasoning`, reasoning, rule);
  }
  if (cache_write_1h > cache_write) {
    const rule = `must not be above tokens.cache_write (${cache_write}): it is a part of cache_write`;
    throw new InvalidField(`${path}.cache_write_1h`, cache_write_1h, rule);
  }
}

/** Throws `InvalidField` if the ledger would refuse the counts. */
export function checkUsage(usage: Usage): void {
  const units = usage.units ?? {};
  checkTokens(usage.tokens ?? {}, "usage_recorded.tokens");
  for (const [unit, count] of Object.entries(units)) {
    const path = `usage_recorded.units.${unit}`;
    if (!(UNITS as readonly string[]).includes(unit)) {
      throw new InvalidField(path, count, "is no unit that the ledger knows");
    }
    whole(path, count, MAX_COUNT);
  }
  const { input_uncached, output, reasoning } = counts(usage.tokens ?? {});
  const parts: [Unit[], number][] = [
    [["input_audio_tokens", "input_image_tokens"], input_uncached],
    [["output_audio_tokens", "output_image_tokens"], output - reasoning],
  ];
  for (const [names, all] of parts) {
    let left = all;
    for (const unit of names) {
      left -= units[unit] ?? 0;
      if (left < 0) {
        const rule = "must not be above the tokens that it is a part of";
        throw new InvalidField(`usage_recorded.units.${unit}`, units[unit], rule);
      }
    }
  }
}
