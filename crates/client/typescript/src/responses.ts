/** What a provider's response says about usage: OpenAI (chat completions, responses), Anthropic, Gemini, Ollama. */

import { BadUsage, InvalidField, NoUsage } from "./errors.js";
import { checkTokens, counts, MAX_COUNT, type Tokens, type Unit, type Usage } from "./usage.js";

/** Whose form a response has. `openai_chat` is also that of servers that answer as OpenAI does. */
export type ResponseFormat = "openai_chat" | "openai_responses" | "anthropic" | "gemini" | "ollama";

type Fields = Record<string, unknown>;

/** For each format: who is meant by it, what is read at its top, and where a part of a stream has the response. */
const FORMATS: Record<ResponseFormat, { provider: string; fields: string[]; inner?: string }> = {
  openai_chat: { provider: "openai", fields: ["id", "model", "serviceTier", "usage"] },
  openai_responses: { provider: "openai", fields: ["id", "model", "serviceTier", "usage"], inner: "response" },
  anthropic: { provider: "anthropic", fields: ["id", "model", "usage"], inner: "message" },
  gemini: { provider: "gemini", fields: ["responseId", "modelVersion", "usageMetadata"] },
  ollama: { provider: "ollama", fields: ["model", "promptEvalCount", "evalCount"] },
};

/**
 * What a whole response says: provider, model, tier, its id and what was used. The provider is the one that the format
 * is named after, unless `provider` names who served it.
 *
 * @throws `NoUsage` if the response has no counters, `BadUsage` if one of them is not what a call can use.
 */
export function usageOf(format: ResponseFormat, response: unknown, options: { provider?: string } = {}): Usage {
  return new UsageReader(format, options).add(response).usage();
}

/** Reads the usage of one streamed response, part by part. Later totals replace earlier ones. */
export class UsageReader {
  readonly #format: ResponseFormat;
  readonly #provider: string;
  readonly #found: Fields = {};

  constructor(format: ResponseFormat, options: { provider?: string } = {}) {
    if (!Object.hasOwn(FORMATS, format)) {
      throw new InvalidField("format", format, `must be one of ${Object.keys(FORMATS).join(", ")}`);
    }
    this.#format = format;
    this.#provider = options.provider ?? FORMATS[format].provider;
  }

  /** Takes the next part. Parts that say nothing of usage are passed over. */
  add(part: unknown): this {
    const { fields, inner } = FORMATS[this.#format];
    const own = inner === undefined ? undefined : object(object(part)?.[inner]);
    for (const [given, value] of Object.entries(own ?? object(part) ?? {})) {
      const name = camelCase(given);
      if (!fields.includes(name) || value === null || value === undefined) continue;
      const [known, more] = [object(this.#found[name]), object(value)];
      const filled = more && Object.entries(more).filter(([, one]) => one !== null && one !== undefined);
      this.#found[name] = filled ? { ...known, ...Object.fromEntries(filled) } : value;
    }
    return this;
  }

  /** What was used, as far as the parts say it. */
  usage(): Usage {
    const said = this.#said();
    try {
      checkTokens(said.tokens, "tokens");
    } catch (error) {
      throw error instanceof InvalidField ? new BadUsage("usage", error.value, error.rule) : error;
    }
    const found = this.#found;
    return {
      provider: this.#provider,
      ...given("model", word(found["model"]) ?? word(found["modelVersion"])),
      ...given("request_id", word(found["id"]) ?? word(found["responseId"])),
      ...given("service_tier", word(found["serviceTier"])),
      ...said,
    };
  }

  #said(): Usage & { tokens: Tokens } {
    switch (this.#format) {
      case "openai_chat":
        return openai(this.#counters("usage"), "prompt_tokens", "completion_tokens");
      case "openai_responses":
        return openai(this.#counters("usage"), "input_tokens", "output_tokens");
      case "anthropic":
        return anthropic(this.#counters("usage"));
      case "gemini":
        return gemini(this.#counters("usageMetadata"));
      case "ollama": {
        const top = new Counters("", this.#found);
        if (!("promptEvalCount" in this.#found) && !("evalCount" in this.#found)) throw new NoUsage("eval_count");
        return { tokens: { input_uncached: top.count("promptEvalCount"), output: top.count("evalCount") } };
      }
    }
  }

  #counters(field: string): Counters {
    const fields = object(this.#found[field]);
    if (!fields || Object.keys(fields).length === 0) throw new NoUsage(field);
    return new Counters(field, fields);
  }
}

/** An object of counters, and where it stands. */
class Counters {
  constructor(
    readonly path: string,
    readonly fields: Fields,
  ) {}

  field(name: string): unknown {
    if (Object.hasOwn(this.fields, name)) return this.fields[name];
    return Object.entries(this.fields).find(([known]) => camelCase(known) === name)?.[1];
  }

  /** A counter; 0 where there is none. */
  count(name: string): number {
    const value = this.field(name) ?? 0;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0 || value > MAX_COUNT) {
      const path = `${this.path}.${name}`.replace(/^\./, "");
      throw new BadUsage(path, value, "must be a whole number from 0 to 10^12");
    }
    return value;
  }

  inner(name: string): Counters {
    return new Counters(`${this.path}.${name}`, object(this.field(name)) ?? {});
  }

  list(name: string): Counters[] {
    const entries = this.field(name);
    if (!Array.isArray(entries)) return [];
    return entries.map((entry, nth) => new Counters(`${this.path}.${name}[${nth}]`, object(entry) ?? {}));
  }

  /** The sum of one medium in a list of tokens by medium. */
  ofMedium(name: string, medium: string): number {
    const entries = this.list(name).filter((entry) => entry.field("modality") === medium);
    return entries.reduce((sum, entry) => sum + entry.count("tokenCount"), 0);
  }

  without(whole: number, part: string, count: number): number {
    if (count > whole) {
      throw new BadUsage(`${this.path}.${part}`, count, "must not be more than what it is a part of");
    }
    return whole - count;
  }
}

function openai(counters: Counters, input: string, output: string): Usage & { tokens: Tokens } {
  const [made, shown] = [counters.inner(`${output}_details`), counters.inner(`${input}_details`)];
  const [cached_input, reasoning] = [shown.count("cached_tokens"), made.count("reasoning_tokens")];
  const input_uncached = shown.without(counters.count(input), "cached_tokens", cached_input);
  const all = counters.count(output);
  const plain = made.without(all, "reasoning_tokens", reasoning);
  return {
    tokens: { input_uncached, cached_input, output: all, reasoning },
    ...units({
      input_audio_tokens: Math.min(shown.count("audio_tokens"), input_uncached),
      output_audio_tokens: Math.min(made.count("audio_tokens"), plain),
    }),
  };
}

function anthropic(counters: Counters): Usage & { tokens: Tokens } {
  const own = messages(counters);
  const thinking = counters.inner("output_tokens_details").count("thinking_tokens");
  const tokens = { ...own, reasoning: Math.min(thinking, own.output) };
  for (const part of counters.list("iterations")) {
    // A compaction within the call is not in the call's own counters; they are those of the message.
    if (part.field("type") !== "compaction") continue;
    const more = messages(part);
    tokens.input_uncached += more.input_uncached;
    tokens.cached_input += more.cached_input;
    tokens.cache_write += more.cache_write;
    tokens.cache_write_1h += more.cache_write_1h;
    tokens.output += more.output;
  }
  const speed = word(counters.field("speed"));
  const tier = speed !== undefined && speed !== "standard" ? speed : word(counters.field("service_tier"));
  const searches = counters.inner("server_tool_use").count("web_search_requests");
  const labels = searches > 0 ? { labels: { web_searches: String(searches) } } : {};
  return { tokens, ...given("service_tier", tier), ...labels };
}

/** Anthropic's counters. Input does not include what was read from or written to a cache. */
function messages(counters: Counters): Required<Tokens> {
  const byLifetime = counters.inner("cache_creation");
  const hour = byLifetime.count("ephemeral_1h_input_tokens");
  const written = hour + byLifetime.count("ephemeral_5m_input_tokens");
  return counts({
    input_uncached: counters.count("input_tokens"),
    cached_input: counters.count("cache_read_input_tokens"),
    cache_write: Math.max(counters.count("cache_creation_input_tokens"), written),
    output: counters.count("output_tokens"),
    cache_write_1h: hour,
  });
}

function gemini(counters: Counters): Usage & { tokens: Tokens } {
  const [cached_input, reasoning] = [counters.count("cachedContentTokenCount"), counters.count("thoughtsTokenCount")];
  const candidates = counters.count("candidatesTokenCount");
  const prompt = counters.without(counters.count("promptTokenCount"), "cachedContentTokenCount", cached_input);
  const input_uncached = prompt + counters.count("toolUsePromptTokenCount");
  const shown = (medium: string): number => {
    const prompts = counters.ofMedium("promptTokensDetails", medium);
    const tools = counters.ofMedium("toolUsePromptTokensDetails", medium);
    return Math.max(prompts + tools - counters.ofMedium("cacheTokensDetails", medium), 0);
  };
  const made = (medium: string): number => counters.ofMedium("candidatesTokensDetails", medium);
  const [heard, spoken] = [Math.min(shown("AUDIO"), input_uncached), Math.min(made("AUDIO"), candidates)];
  return {
    tokens: { input_uncached, cached_input, output: candidates + reasoning, reasoning },
    ...units({
      input_audio_tokens: heard,
      input_image_tokens: Math.min(shown("IMAGE"), input_uncached - heard),
      output_audio_tokens: spoken,
      output_image_tokens: Math.min(made("IMAGE"), candidates - spoken),
    }),
  };
}

function units(counted: Partial<Record<Unit, number>>): { units?: Partial<Record<Unit, number>> } {
  const filled = Object.entries(counted).filter(([, count]) => count > 0);
  return filled.length > 0 ? { units: Object.fromEntries(filled) } : {};
}

function given<Name extends string>(name: Name, value: string | undefined): { [key in Name]?: string } {
  return (value === undefined ? {} : { [name]: value }) as { [key in Name]?: string };
}

function object(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

function word(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function camelCase(name: string): string {
  return name.replace(/_+(.?)/g, (_, next: string) => next.toUpperCase());
}
