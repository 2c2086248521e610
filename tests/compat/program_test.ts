/** The output of programs on each runtime: with mysql2, with compat, and when callbacks throw. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { denoConfig } from "../support/deno_config.ts";
import { type Server, startServer } from "../support/server.ts";
import { root } from "../support/source.ts";

const run = promisify(execFile);

/** How long a program may take; Deno compiles it first. */
const runMsMax = 60_000;

let server: Server;
let folder: string;
/** The paths of the program as written, and with its import changed. */
let programs: { readonly before: string; readonly changed: string };

before(async () => {
  server = await startServer();
  folder = await mkdtemp(join(tmpdir(), "sublet-program-"));
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const text = await readFile(join(root, "tests/compat/support/program.ts"), "utf8");
  const compat = pathToFileURL(join(root, "src/entries/compat.ts")).href;
  const changed = text.replace('import mysql from "mysql2";', `import mysql from "${compat}";`);
  assert.notEqual(changed, text);
  programs = { before: join(folder, "before.ts"), changed: join(folder, "changed.ts") };
  await writeFile(programs.before, text);
  await writeFile(programs.changed, changed);
});

after(async () => {
  await rm(folder, { recursive: true, force: true });
  await server?.remove();
});

/** Runs a program and returns its output. */
async function output(binary: string, args: readonly string[], program: string): Promise<string> {
  const path = join(root, "node_modules", ".bin", binary);
  const { stdout } = await run(path, [...args, program, server.url()], { timeout: runMsMax });
  return stdout;
}

const runtimes: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  node: () => Promise.resolve([]),
  bun: () => Promise.resolve([]),
  deno: async () => {
    return ["run", "-A", "--no-lock", "--no-check", "--config", (await denoConfig()).path];
  },
};

for (const [binary, argsOf] of Object.entries(runtimes)) {
  test(`a program prints the same with only its import changed, on ${binary}`, async () => {
    const args = await argsOf();
    const expected = await output(binary, args, programs.before);
    assert.ok(expected.split("\n").length > 40, expected);
    assert.equal(await output(binary, args, programs.changed), expected);
  });

  test(`exceptions in callbacks are uncaught, and harm no connection, on ${binary}`, async () => {
    const program = join(root, "tests/compat/support/throwing.ts");
    const lines = (await output(binary, await argsOf(), program)).trimEnd().split("\n");
    assert.equal(new Set(lines).size, 16);
    assert.equal(lines.splice(14, 1)[0], "the same");
    assert.deepEqual(lines.filter((line) => !/^RangeError: an? /.test(line)), []);
  });
}
