/**
 * One process a directory: the lock of a spool.
 *
 * Node has no locks of files. Here a process claims the next number by a file `claim-N` that only one can make, and
 * only if the process of the highest number has let go of it or has ended. The highest claim is never removed, so a number
 * that somebody has seen is never given twice.
 */

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import fs from "node:fs/promises";
import path from "node:path";

import { SpoolLocked } from "./errors.js";

/** Who claims: the process, when it began, and since when its machine runs. `free`: nobody any more. */
interface Claim {
  pid: number;
  started: string;
  boot: string;
  free?: boolean;
}

/** Takes the lock of a directory; returns what lets go of it. Nothing has to be done when the process is killed. */
export async function lockDirectory(dir: string): Promise<() => Promise<void>> {
  const claim: Claim = { pid: process.pid, started: startOf(process.pid) ?? "", boot: boot() };
  for (;;) {
    const top = Math.max(0, ...(await claims(dir)));
    const holder = top > 0 ? await read(dir, top) : undefined;
    if (holder && isHeld(holder)) {
      throw new SpoolLocked(`locking spool ${dir}: process ${holder.pid} uses it; give each its own directory`);
    }
    if (!(await make(dir, top + 1, claim))) continue;
    const after = await claims(dir);
    if (after.some((number) => number > top + 1)) {
      // Others went on while this one looked at claims that were removed meanwhile.
      await remove(dir, top + 1);
      continue;
    }
    await Promise.all(after.filter((number) => number <= top).map((number) => remove(dir, number)));
    return () => replace(dir, top + 1, { ...claim, free: true });
  }
}

async function claims(dir: string): Promise<number[]> {
  const names = await fs.readdir(dir);
  return names.flatMap((name) => /^claim-([0-9]{1,15})$/.exec(name)?.[1] ?? []).map(Number);
}

async function read(dir: string, number: number): Promise<Claim | undefined> {
  try {
    return JSON.parse(await fs.readFile(file(dir, number), "utf8")) as Claim;
  } catch (error) {
    // Removed since, or damaged with the machine: nobody's.
    if ((error as NodeJS.ErrnoException).code === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Makes a claim with its content at once; `false` if there is one of this number. */
async function make(dir: string, number: number, claim: Claim): Promise<boolean> {
  const written = await write(dir, claim);
  try {
    await fs.link(written, file(dir, number));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await fs.rm(written, { force: true });
  }
}

async function replace(dir: string, number: number, claim: Claim): Promise<void> {
  await fs.rename(await write(dir, claim), file(dir, number));
}

async function write(dir: string, claim: Claim): Promise<string> {
  const name = path.join(dir, `claim.new-${randomBytes(8).toString("hex")}`);
  await fs.writeFile(name, JSON.stringify(claim), { mode: 0o600 });
  return name;
}

function remove(dir: string, number: number): Promise<void> {
  return fs.rm(file(dir, number), { force: true });
}

function file(dir: string, number: number): string {
  return path.join(dir, `claim-${number}`);
}

function isHeld(claim: Claim): boolean {
  if (claim.free === true || claim.boot !== boot()) return false;
  const started = startOf(claim.pid);
  if (started !== undefined) return started === claim.started;
  try {
    process.kill(claim.pid, 0);
    // Where nothing tells when it began, a process of this number is taken for the one that claims.
    return process.platform !== "linux";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" && process.platform !== "linux";
  }
}

/** When a process began, in the words of the system; `undefined` if there is none, or the system does not say it. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function boot(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}
