/** A real server in a directory of its own, servers that answer by a script, and the shared cases. */

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

import { Client } from "../src/index.js";

/** The compiled tests are in `build/test`. */
const HERE = path.dirname(fileURLToPath(import.meta.url));
/** The repository. */
export const ROOT = process.env["TOLLGATE_ROOT"] ?? path.resolve(HERE, "../../../../..");
const BINARY = process.env["TOLLGATE_BIN"] ?? path.join(ROOT, "target/debug/tollgate");
/** Why tests that need a server are skipped. */
export const NO_SERVER = existsSync(BINARY) ? false : "tollgate is not built: cargo build, or set TOLLGATE_BIN";

export type Case = Record<string, any>;

/** A list of the cases that the clients of all languages share. */
export function cases(file: string, name = "cases"): Case[] {
  const found = JSON.parse(readFileSync(path.join(ROOT, "crates/client/cases", file), "utf8"))[name] as Case[];
  if (found.length < 5) throw new Error(`${file} has only ${found.length} ${name}`);
  return found;
}

const cleanups = new WeakMap<TestContext, (() => unknown)[]>();

/** Does something after a test, what was asked for last first: a server ends before its directory does. */
export function afterwards(test: TestContext, work: () => unknown): void {
  const known = cleanups.get(test);
  if (known) return void known.push(work);
  const all = [work];
  cleanups.set(test, all);
  test.after(async () => {
    for (const one of all.reverse()) await one();
  });
}

/** A directory of the test's own. */
export function place(test: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), "tollgate-client-"));
  afterwards(test, () => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** They end with the process of the test, also where the test never comes to its end. */
const servers = new Set<ChildProcess>();
process.once("exit", () => servers.forEach((child) => child.kill("SIGKILL")));

/** `tollgate serve`, from its ready line until it is killed. */
export class Server {
  private constructor(
    readonly process: ChildProcess,
    readonly url: string,
  ) {}

  static async start(test: TestContext, data: string, port = "0"): Promise<Server> {
    const environment = Object.entries(process.env).filter(([name]) => !name.startsWith("TOLLGATE_"));
    const child = spawn(BINARY, ["--data", data, "serve", "--listen", `127.0.0.1:${port}`], {
      cwd: path.dirname(data),
      env: Object.fromEntries(environment),
      stdio: ["ignore", "pipe", "ignore"],
    });
    afterwards(test, () => killed(child));
    servers.add(child);
    for await (const line of createInterface(child.stdout!)) {
      const url = / at (http:\/\/\S+:[0-9]+),/.exec(line)?.[1];
      if (url === undefined) continue;
      // What it says later must not fill the pipe.
      child.stdout!.resume();
      return new Server(child, url);
    }
    throw new Error("the server ended before it served");
  }

  get port(): string {
    return new URL(this.url).port;
  }

  /** As a crash does. */
  kill(): Promise<void> {
    return killed(this.process);
  }

  /** All tokens of a task. */
  async tokens(task: string): Promise<number> {
    const client = new Client(this.url);
    const found = (await client.task(task, { atLeast: "tail" })) as { tokens: { total: number } };
    client.close();
    return found.tokens.total;
  }
}

/** Kills a process without warning, and waits until it is gone. */
export async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGKILL");
  await gone;
}

/** A program that uses the client, in a process of its own. */
export function node(program: string, ...args: string[]): ChildProcess {
  const source = path.join(HERE, "../src/index.js");
  const text = `import * as tc from ${JSON.stringify(source)};\nconst args = process.argv.slice(1);\n${program}`;
  return spawn(process.execPath, ["--input-type=module", "-e", text, "--", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** What a process prints on both outputs, until it ends. */
export async function outputOf(child: ChildProcess): Promise<string> {
  let text = "";
  child.stdout!.on("data", (part: Buffer) => (text += part.toString()));
  child.stderr!.on("data", (part: Buffer) => (text += part.toString()));
  await new Promise((resolve) => child.once("close", resolve));
  return text;
}

export interface Asked {
  endpoint: string;
  headers: http.IncomingHttpHeaders;
  body: string;
}

/** `undefined`: no answer. */
export type Script = (asked: Asked) => { status: number; headers?: Record<string, string>; body: string } | undefined;

/** A server that answers by a script. */
export async function scripted(test: TestContext, script: Script, server: http.Server = http.createServer()) {
  const requests: Asked[] = [];
  server.on("request", (request: http.IncomingMessage, response: http.ServerResponse) => {
    let body = "";
    request.on("data", (part: Buffer) => (body += part.toString()));
    request.on("end", () => {
      const asked = { endpoint: `${request.method} ${request.url}`, headers: request.headers, body };
      requests.push(asked);
      const answer = script(asked);
      if (!answer) return void request.socket.destroy();
      response.writeHead(answer.status, answer.headers);
      response.end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterwards(test, () => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, requests, server };
}

/** An address that nothing listens on. */
export async function closedAddress(): Promise<string> {
  const server = http.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}
