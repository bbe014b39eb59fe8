/** Where events wait until the ledger has them: in memory, or in a spool. */

import { QueueFull } from "./errors.js";
import type { Outgoing } from "./events.js";

/** A line of a spool that could not be read. It is in the file `liesIn` now. */
export interface SetAside {
  kind: "set_aside";
  segment: string;
  line: number;
  reason: string;
  liesIn: string;
}

/** Events in the order of their reports. Places in it only grow, over all that ever was in it. One caller at a time may
 * use it. */
export interface Store {
  /** The place before the first event that is not settled. */
  readonly front: number;
  /** The place after the last event. */
  readonly end: number;
  /** How many events wait. */
  readonly waiting: number;
  /** How many bytes of them are kept on disk. */
  readonly keptBytes: number;
  /** Puts events after all others, or none of them. */
  append(events: readonly Outgoing[]): Promise<void>;
  /** The first events, up to so many and so many bytes; at least one if any waits. */
  peek(events: number, maxBytes: number): Promise<Outgoing[]>;
  /** Removes the first events; `keep` says for each whether it stays. */
  settle(keep: readonly boolean[]): Promise<void>;
  /** Records which ledger the events are for. */
  isFor(ledger: string | undefined): Promise<void>;
  /** Lines that could not be read since the last call. */
  takeSetAside(): SetAside[];
  /** Nothing is done with it any more. */
  close(): Promise<void>;
}

/** An event and its place. */
export type Placed = readonly [number, Outgoing];

/** Events in memory, up to a bound. They are lost with the process. */
export class Memory implements Store {
  readonly keptBytes = 0;
  end = 0;
  #events: Placed[] = [];
  #bytes = 0;

  constructor(
    readonly maxEvents: number,
    readonly maxBytes: number,
  ) {}

  get front(): number {
    return this.#events[0]?.[0] ?? this.end;
  }

  get waiting(): number {
    return this.#events.length;
  }

  async append(events: readonly Outgoing[]): Promise<void> {
    const size = events.reduce((sum, event) => sum + event.json.length, 0);
    if (this.waiting + events.length > this.maxEvents || this.#bytes + size > this.maxBytes) {
      throw new QueueFull(
        `queueing event \`${events[0]?.id}\` of task \`${events[0]?.task}\`: ${this.waiting} events with ` +
          `${this.#bytes} bytes wait already, and at most ${this.maxEvents} events or ${this.maxBytes} bytes may; ` +
          "bring the ledger back, or give the tracker a spool",
      );
    }
    for (const event of events) this.#events.push([this.end++, event]);
    this.#bytes += size;
  }

  async peek(events: number, maxBytes: number): Promise<Outgoing[]> {
    return first(this.#events, events, maxBytes);
  }

  async settle(keep: readonly boolean[]): Promise<void> {
    for (const event of settled(this.#events, keep)) this.#bytes -= event.json.length;
  }

  async isFor(): Promise<void> {}

  takeSetAside(): SetAside[] {
    return [];
  }

  async close(): Promise<void> {}
}

/** The first events, up to so many and so many bytes; at least one if there is any. */
export function first(waiting: readonly Placed[], events: number, maxBytes: number): Outgoing[] {
  const found: Outgoing[] = [];
  let room = maxBytes;
  for (const [, event] of waiting) {
    room -= event.json.length;
    if (found.length === events || (found.length > 0 && room < 0)) break;
    found.push(event);
  }
  return found;
}

/** Takes the first events out, but for those to keep; returns those that are gone. */
export function settled(waiting: Placed[], keep: readonly boolean[]): Outgoing[] {
  const lookedAt = waiting.splice(0, keep.length);
  waiting.unshift(...lookedAt.filter((_, nth) => keep[nth]));
  return lookedAt.filter((_, nth) => !keep[nth]).map(([, event]) => event);
}
