/** Every program of the guide is compiled and runs as it is shown, and prints what is shown. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { NO_SERVER, outputOf, place, ROOT, Server } from "./support.js";

/** The package, with what was compiled of it. */
const PACKAGE = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

test("its programs print what it shows", { skip: NO_SERVER }, async (context) => {
  const dir = place(context);
  const server = await Server.start(context, path.join(dir, "data"));
  const text = readFileSync(path.join(ROOT, "docs/guides/typescript.md"), "utf8");
  const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, block]) => [language!, block!] as const);
  assert.deepEqual(blocks.map(([language]) => language), ["sh", ...Array(3).fill(["typescript", "text"]).flat()]);
  // The two commands are `npm ci && npm run build` here, and an installation of a folder, which is a link.
  const [, commands] = blocks[0]!;
  assert.equal(commands, "(cd tollgate/crates/client/typescript && npm ci && npm run build)\nnpm install ./tollgate/crates/client/typescript\n");
  const modules = path.join(dir, "node_modules");
  mkdirSync(path.join(modules, "tollgate-client"), { recursive: true });
  for (const part of ["package.json", "dist"]) cpSync(path.join(PACKAGE, part), path.join(modules, "tollgate-client", part), { recursive: true });
  symlinkSync(path.join(PACKAGE, "node_modules/@types"), path.join(modules, "@types"));
  writeFileSync(path.join(dir, "package.json"), '{"type": "module"}');
  const programs = blocks.slice(1).filter(([language]) => language === "typescript");
  const files = programs.map(([, program], nth) => {
    const file = path.join(dir, `block${nth}.ts`);
    writeFileSync(file, program.replaceAll("http://127.0.0.1:7070", server.url));
    return file;
  });
  const tsc = path.join(PACKAGE, "node_modules/typescript/bin/tsc");
  const options = "--strict --skipLibCheck --target ES2022 --module NodeNext --moduleResolution NodeNext --types node".split(" ");
  const compiled = spawnSync(process.execPath, [tsc, ...options, ...files], { cwd: dir, encoding: "utf8" });
  assert.equal(compiled.stdout, "");
  for (const [nth, file] of files.entries()) {
    const program = spawn(process.execPath, [file.replace(/\.ts$/, ".js")], { cwd: dir });
    assert.equal(await outputOf(program), blocks[2 + 2 * nth]![1]);
  }
});
