/**
 * Events that wait on disk until the ledger has them.
 *
 * A directory of segments, `%020d.spool`, each a file of lines: `CRC-32 as 8 hex digits, a space, the event's JSON, a
 * line feed`. It is the spool of the client in Rust: either delivers what the other left. Events are only ever written
 * after the last line, and are durable once `append` returns. A segment is deleted when all of its events are settled;
 * after a crash, one that was partly delivered is delivered again: its events keep their ids, so the ledger counts them
 * once.
 */

import fs, { type FileHandle } from "node:fs/promises";
import path from "node:path";

import { crc32 } from "./crc32.js";
import { reasonOf, SpoolError, TollgateError } from "./errors.js";
import type { Outgoing } from "./events.js";
import { lockDirectory } from "./lock.js";
import { first, settled, type Placed, type SetAside, type Store } from "./store.js";

/** Where events wait, and how many bytes of them may. */
export interface SpoolOptions {
  /** A directory used by this tracker alone; created if missing. */
  dir: string;
  /** The most bytes of events (default: 256 MiB, about a million events). */
  maxBytes?: number;
  /** A segment of this many bytes is no longer written to (default: 1 MiB). */
  segmentBytes?: number;
}

interface Segment {
  number: number;
  size: number;
}

/** The spool of one tracker, locked against others until closed. Places are bytes since it was opened. */
export class Spool implements Store {
  end = 0;
  waiting = 0;
  ledger: string | undefined;
  readonly #dir: string;
  readonly #maxBytes: number;
  readonly #segmentBytes: number;
  #release: () => Promise<void> = async () => {};
  #segments: Segment[] = [];
  #nextNumber = 1;
  #back: FileHandle | undefined;
  #window: Placed[] = [];
  #setAside: SetAside[] = [];
  /** Where the first segment begins, and what was read of it, in bytes and lines. */
  #begin = 0;
  #read = 0;
  #readLines = 0;

  private constructor(options: SpoolOptions) {
    this.#dir = options.dir;
    this.#maxBytes = options.maxBytes ?? 256 << 20;
    this.#segmentBytes = options.segmentBytes ?? 1 << 20;
  }

  /** Opens or creates the directory, takes its lock and cuts the line that a crash tore. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(options);
    await attempt("making spool directory", options.dir, () => fs.mkdir(options.dir, { recursive: true, mode: 0o700 }));
    spool.#release = await attempt("locking spool", options.dir, () => lockDirectory(options.dir));
    try {
      await attempt("reading spool", options.dir, () => spool.#find());
      await spool.#readLedger();
      // Events from here on are for the ledger that answers next.
      if (spool.#segments.length === 0) await spool.isFor(undefined);
    } catch (error) {
      await spool.#release();
      throw error;
    }
    return spool;
  }

  get front(): number {
    return this.#window[0]?.[0] ?? this.#begin + this.#read;
  }

  get keptBytes(): number {
    return this.waiting > 0 ? this.#held() : 0;
  }

  /** The events survive power loss when this returns. After an error none of them is in the spool, as far as the file
   * system allows, and sending one twice does no harm. */
  async append(events: readonly Outgoing[]): Promise<void> {
    const lines = Buffer.concat(events.map(line));
    const held = this.#held();
    if (held + lines.length > this.#maxBytes) {
      throw new SpoolError(
        `writing ${lines.length} bytes to spool ${this.#dir}: it holds ${held} of at most ${this.#maxBytes} bytes; ` +
          "bring the ledger back, or allow more",
      );
    }
    const back = await this.#writable();
    const segment = this.#segments.at(-1)!;
    try {
      await back.appendFile(lines);
      await back.datasync();
    } catch (error) {
      await this.#takeBack(back, segment);
      throw failed("writing spool segment", this.#path(segment.number), error);
    }
    segment.size += lines.length;
    this.end += lines.length;
    this.waiting += events.length;
  }

  async peek(events: number, maxBytes: number): Promise<Outgoing[]> {
    for (;;) {
      const segment = this.#segments[0];
      if (!segment || segment.size === 0) return [];
      if (this.#window.length < events && this.#read < segment.size) await this.#load(segment);
      if (this.#window.length > 0) return first(this.#window, events, maxBytes);
      // None of its lines could be read.
      await this.#finish(segment);
    }
  }

  async settle(keep: readonly boolean[]): Promise<void> {
    this.waiting -= settled(this.#window, keep).length;
    const segment = this.#segments[0];
    if (this.#window.length === 0 && segment && this.#read === segment.size) await this.#finish(segment);
  }

  async isFor(ledger: string | undefined): Promise<void> {
    if (ledger === this.ledger) return;
    const name = path.join(this.#dir, "ledger");
    await attempt("noting the ledger of the spool in", name, async () => {
      if (ledger === undefined) {
        await fs.rm(name, { force: true });
      } else {
        const file = await fs.open(`${name}.new`, "w", 0o600);
        await file.writeFile(ledger).then(() => file.sync()).finally(() => file.close());
        await fs.rename(`${name}.new`, name);
      }
      await this.#syncDir();
    });
    this.ledger = ledger;
  }

  takeSetAside(): SetAside[] {
    return this.#setAside.splice(0);
  }

  async close(): Promise<void> {
    await this.#back?.close();
    this.#back = undefined;
    await this.#release();
  }

  #held(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.size, 0);
  }

  /** The segments of an earlier process, oldest first, without the line that a crash tore. */
  async #find(): Promise<void> {
    for (const name of (await fs.readdir(this.#dir)).sort()) {
      if (!/^[0-9]{20}\.spool$/.test(name)) continue;
      const file = path.join(this.#dir, name);
      const content = await fs.readFile(file);
      const size = content.lastIndexOf(10) + 1;
      const number = Number(name.slice(0, 20));
      this.#nextNumber = number + 1;
      if (size < content.length) {
        const torn = await fs.open(file, "r+");
        await torn.truncate(size).then(() => torn.sync()).finally(() => torn.close());
      }
      if (size === 0) {
        await fs.rm(file);
        continue;
      }
      this.#segments.push({ number, size });
      this.end += size;
      for (let at = content.indexOf(10); at >= 0; at = content.indexOf(10, at + 1)) this.waiting += 1;
    }
  }

  async #readLedger(): Promise<void> {
    const name = path.join(this.#dir, "ledger");
    try {
      this.ledger = (await fs.readFile(name, "utf8")).trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw failed("reading the ledger of the spool in", name, error);
    }
    if (!/^[0-9a-fA-F]+$/.test(this.ledger)) {
      throw new SpoolError(`reading the ledger of the spool in ${name}: it names none; delete it to send to any`);
    }
  }

  async #writable(): Promise<FileHandle> {
    if (this.#back && (this.#segments.at(-1)?.size ?? 0) < this.#segmentBytes) return this.#back;
    await this.#back?.close();
    this.#back = undefined;
    const name = this.#path(this.#nextNumber);
    return attempt("making spool segment", name, async () => {
      const back = await fs.open(name, "ax", 0o600);
      await this.#syncDir();
      this.#segments.push({ number: this.#nextNumber++, size: 0 });
      this.#back = back;
      return back;
    });
  }

  /** Cuts off what was partly written. The next events get a new file in any case. */
  async #takeBack(back: FileHandle, segment: Segment): Promise<void> {
    this.#back = undefined;
    if (segment.size === 0) this.#segments.pop();
    try {
      await back.truncate(segment.size);
      await back.close();
      if (segment.size === 0) await fs.rm(this.#path(segment.number));
    } catch {
      // What is behind the size that is known is never read, and is cut by the next process.
    }
  }

  /** Reads what is not read yet of the first segment. */
  async #load(segment: Segment): Promise<void> {
    const name = this.#path(segment.number);
    const content = Buffer.alloc(segment.size - this.#read);
    await attempt("reading spool segment", name, async () => {
      const file = await fs.open(name, "r");
      try {
        const { bytesRead } = await file.read(content, 0, content.length, this.#read);
        if (bytesRead < content.length) throw new Error(`it has only ${this.#read + bytesRead} bytes`);
      } finally {
        await file.close();
      }
    });
    const unreadable: [number, Buffer, string][] = [];
    let lines = this.#readLines;
    const found: Placed[] = [];
    for (let at = 0, to; at < content.length; at = to + 1) {
      to = content.indexOf(10, at);
      const text = content.subarray(at, to);
      lines += 1;
      try {
        found.push([this.#begin + this.#read + at, eventOf(text)]);
      } catch (error) {
        unreadable.push([lines, text, reasonOf(error)]);
      }
    }
    if (unreadable.length > 0) await this.#keepAside(name, unreadable);
    this.#window.push(...found);
    this.#readLines = lines;
    this.#read = segment.size;
    this.waiting -= unreadable.length;
  }

  /** Puts unreadable lines where a person can find them. */
  async #keepAside(segment: string, lines: [number, Buffer, string][]): Promise<void> {
    const liesIn = path.join(this.#dir, "set-aside");
    const text = lines.map(([number, content, reason]) =>
      Buffer.concat([Buffer.from(`# ${segment} line ${number}: ${reason}\n`), content, Buffer.from("\n")]),
    );
    await attempt("setting unreadable lines aside in", liesIn, async () => {
      const file = await fs.open(liesIn, "a", 0o600);
      await file.appendFile(Buffer.concat(text)).then(() => file.sync()).finally(() => file.close());
      await this.#syncDir();
    });
    for (const [number, , reason] of lines) {
      this.#setAside.push({ kind: "set_aside", segment, line: number, reason, liesIn });
    }
  }

  /** Deletes the first segment: all of it is settled. */
  async #finish(segment: Segment): Promise<void> {
    if (this.#segments.length === 1) {
      await this.#back?.close();
      this.#back = undefined;
    }
    const name = this.#path(segment.number);
    await attempt("deleting spool segment", name, () => fs.rm(name, { force: true }));
    this.#segments.shift();
    this.#begin += segment.size;
    this.#read = this.#readLines = 0;
  }

  /** Makes names that were made or removed durable. */
  async #syncDir(): Promise<void> {
    if (process.platform === "win32") return;
    const dir = await fs.open(this.#dir, "r");
    await dir.sync().finally(() => dir.close());
  }

  #path(number: number): string {
    return path.join(this.#dir, `${String(number).padStart(20, "0")}.spool`);
  }
}

/** An event as a line. */
function line(event: Outgoing): Buffer {
  return Buffer.concat([Buffer.from(`${sumOf(event.json)} `), event.json, Buffer.from("\n")]);
}

/** The event of a line without its line feed. Throws the reason if it is none. */
function eventOf(text: Buffer): Outgoing {
  const space = text.indexOf(32);
  if (space < 0) throw new Error("it has no sum before its JSON");
  const json = Buffer.from(text.subarray(space + 1));
  const [sum, found] = [text.subarray(0, space).toString("latin1"), sumOf(json)];
  if (sum !== found) throw new Error(`its sum says ${sum.slice(0, 16)}, its content has ${found}`);
  const event = JSON.parse(json.toString("utf8")) as { id?: unknown; task?: unknown };
  if (typeof event.id !== "string" || typeof event.task !== "string") {
    throw new Error("it is no event: it has no id and task");
  }
  return { id: event.id, task: event.task, json };
}

function sumOf(json: Buffer): string {
  return crc32(json).toString(16).padStart(8, "0");
}

async function attempt<T>(what: string, on: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof TollgateError ? error : failed(what, on, error);
  }
}

function failed(what: string, on: string, error: unknown): SpoolError {
  return new SpoolError(`${what} ${on}: ${reasonOf(error)}`, { cause: error });
}
