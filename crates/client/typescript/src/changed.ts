/** Waiting until something has changed. */

/** A long time for a timer: it also keeps the program alive of somebody who waits for ever. */
const LONG_MS = 2 ** 30;

/** Whoever waits looks again at each change. */
export class Changed {
  #waiting = new Set<() => void>();

  /** Something has changed. */
  notify(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const look of waiting) look();
  }

  /** Waits until a condition holds; `false` if it does not in time. With `keepsProgram: false` a program that has
   * nothing else to do may end meanwhile. */
  async until(holds: () => boolean, timeoutMs?: number, options = { keepsProgram: true }): Promise<boolean> {
    const until = timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
    while (!holds()) {
      const left = until === undefined ? LONG_MS : until - performance.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(look, Math.min(left, LONG_MS));
        if (!options.keepsProgram) timer.unref();
        const waiting = this.#waiting;
        function look(): void {
          clearTimeout(timer);
          waiting.delete(look);
          resolve();
        }
        waiting.add(look);
      });
    }
    return true;
  }
}
