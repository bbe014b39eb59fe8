/** HTTP/1.1 to one server: kept connections, TLS, a key, and one ledger and no other. Node's `fetch` takes no file of
 * certificates, so this is `node:http` and `node:https`. */

import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";

import { retryAfterS } from "./backoff.js";
import { InvalidField, NoAnswer, problemOf, reasonOf, UnreadableAnswer, type ProblemBody } from "./errors.js";

/** The largest answer that is read, in bytes. */
const MAX_ANSWER_BYTES = 64 << 20;

const LEDGER = "tollgate-ledger";

/** Timeouts of requests, in milliseconds. */
export interface Timeouts {
  /** To connect. */
  connectMs: number;
  /** For the whole answer, including connecting. */
  answerMs: number;
}

/** Where a ledger is, and how it is spoken to. */
export interface Access {
  /** Sent as `Authorization: Bearer`. */
  apiKey?: string;
  /** A file of the certificates to trust instead of the system's, for `https://`. */
  caFile?: string;
  timeouts?: Partial<Timeouts>;
}

/** A status, a body, and how long the ledger asks to wait before the next try. */
export class Answer {
  constructor(
    readonly endpoint: string,
    readonly status: number,
    readonly body: string,
    readonly retryAfterS: number | undefined,
  ) {}

  /** The body of a success. Throws the error that anything else stands for. */
  value<T>(): T {
    let value: unknown;
    try {
      value = JSON.parse(this.body);
    } catch {
      // It is none of Tollgate's, as is said below.
    }
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    if (this.status >= 200 && this.status < 300 && isObject) return value as T;
    if (this.status >= 300 && isObject && isProblem(value as Record<string, unknown>)) {
      throw problemOf({ ...(value as ProblemBody), status: this.status });
    }
    throw new UnreadableAnswer(this.endpoint, this.status, this.body.slice(0, 80));
  }
}

function isProblem(value: Record<string, unknown>): boolean {
  const texts = typeof value["code"] === "string" && typeof value["detail"] === "string";
  return texts && typeof value["retryable"] === "boolean";
}

/** Requests to the ledger that answered first, over connections that are kept. */
export class Transport {
  /** The ledger that answered first, by the epoch of its log: all requests are for it from then on. */
  ledger: string | undefined;
  readonly #base: URL;
  readonly #agent: http.Agent;
  readonly #headers: Record<string, string> = { accept: "application/json", "content-type": "application/json" };
  readonly #timeouts: Timeouts;

  constructor(url: string, access: Access, timeouts: Timeouts) {
    this.#base = address(url);
    this.#timeouts = { ...timeouts, ...access.timeouts };
    const tls = this.#base.protocol === "https:";
    if (access.caFile !== undefined && !tls) {
      throw new InvalidField("url", url, "must begin with https:// where a caFile is given");
    }
    if (access.apiKey !== undefined) {
      // The key itself is not shown.
      if (!/^[!-~]+$/.test(access.apiKey)) {
        throw new InvalidField("apiKey", "…", "must hold only visible ASCII characters");
      }
      this.#headers["authorization"] = `Bearer ${access.apiKey}`;
    }
    const kept = { keepAlive: true, maxFreeSockets: 8 };
    const trusted = access.caFile === undefined ? {} : { ca: readFileSync(access.caFile) };
    this.#agent = tls ? new https.Agent({ ...kept, ...trusted }) : new http.Agent(kept);
  }

  /** Sends a request. Throws `NoAnswer` if there is none: it may have been carried out nevertheless. */
  async send(method: string, path: string, body?: string | Buffer, timeoutMs?: number): Promise<Answer> {
    const until = performance.now() + (timeoutMs ?? this.#timeouts.answerMs);
    for (;;) {
      try {
        return await this.#exchange(method, path, body, until);
      } catch (error) {
        // A kept connection that the server has closed meanwhile: the same again on a new one.
        if (error instanceof Stale) continue;
        throw new NoAnswer(method, this.#base.origin + path, reasonOf(error));
      }
    }
  }

  /** Closes its connections. */
  close(): void {
    this.#agent.destroy();
  }

  #exchange(method: string, path: string, body: string | Buffer | undefined, until: number): Promise<Answer> {
    const headers: http.OutgoingHttpHeaders = { ...this.#headers };
    if (body !== undefined) headers["content-length"] = Buffer.byteLength(body);
    if (this.ledger !== undefined) headers[LEDGER] = this.ledger;
    const { request } = this.#base.protocol === "https:" ? https : http;
    return new Promise((resolve, reject) => {
      // The path as it is: a `URL` would resolve a task whose name is `..`.
      const asked = request(this.#base, { path, method, headers, agent: this.#agent });
      const left = Math.max(until - performance.now(), 1);
      const late = (): void => void asked.destroy(new Error("no whole answer in time"));
      const timer = setTimeout(late, left);
      let connecting: NodeJS.Timeout | undefined;
      const done = (): void => {
        clearTimeout(timer);
        clearTimeout(connecting);
      };
      asked.on("socket", (socket) => {
        if (!socket.connecting) return;
        connecting = setTimeout(() => asked.destroy(new Error("no connection in time")), this.#timeouts.connectMs);
        socket.once("connect", () => clearTimeout(connecting));
      });
      const failed = (error: Error): void => {
        done();
        const gone = ["ECONNRESET", "EPIPE"].includes((error as NodeJS.ErrnoException).code ?? "");
        reject(asked.reusedSocket && gone && !answered ? new Stale() : error);
      };
      let answered = false;
      asked.on("error", failed);
      asked.on("response", (response) => {
        answered = true;
        const parts: Buffer[] = [];
        let size = 0;
        response.on("error", failed);
        response.on("data", (part: Buffer) => {
          parts.push(part);
          size += part.length;
          if (size > MAX_ANSWER_BYTES) asked.destroy(new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`));
        });
        response.on("end", () => {
          done();
          if (!response.complete) return reject(new Error("the answer ended too early"));
          this.#learn(response.headers[LEDGER]);
          const text = Buffer.concat(parts).toString("utf8");
          const after = retryAfterS(response.headers["retry-after"]);
          resolve(new Answer(`${method} ${path}`, response.statusCode ?? 0, text, after));
        });
      });
      asked.end(body);
    });
  }

  #learn(named: string | string[] | undefined): void {
    const epoch = (typeof named === "string" ? named : "").split("/")[0];
    if (epoch) this.ledger ??= epoch;
  }
}

class Stale extends Error {}

function address(url: string): URL {
  let rule: string | undefined;
  let shown = url;
  let parsed: URL | undefined;
  try {
    parsed = new URL(url);
  } catch {
    rule = "must be an address";
  }
  if (!/^https?:\/\//.test(url)) rule = "must begin with http:// or https://";
  else if (parsed && (parsed.username !== "" || parsed.password !== "")) {
    rule = "must hold no user or password: a key is sent in a header";
    shown = "…";
  } else if (parsed && (parsed.pathname !== "/" || parsed.search !== "" || parsed.hash !== "")) {
    rule = "must have no path";
  }
  if (rule !== undefined || parsed === undefined) {
    throw new InvalidField("url", shown, `${rule}, for example http://127.0.0.1:7070`);
  }
  return parsed;
}
