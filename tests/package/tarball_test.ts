/** The npm package is complete and well formed, and works on every runtime that it supports. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { build } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { type Server, startServer } from "../support/server.ts";
import { root } from "../support/source.ts";
import { Installed, npm } from "./tarball.ts";

const run = promisify(execFile);
const binary = (name: string): string => join(root, "node_modules", ".bin", name);

/** The oldest Node that package.json supports. */
const oldestNode = "22.0.0";
const oldNodeFolder = join(root, "node_modules", ".cache", "sublet", `node-${oldestNode}`);
const oldNode = join(oldNodeFolder, "node_modules", "node", "bin", "node");

let installed: Installed;
let server: Server;
before(async () => {
  const made = await Promise.all([Installed.create(), startServer(), installOldNode()]);
  [installed, server] = made;
});
after(async () => {
  await server.remove();
  await installed[Symbol.asyncDispose]();
});

test("publint finds no problem", async () => {
  const { buffer } = await readFile(installed.tarball);
  const { messages, pkg } = await publint({ strict: true, pack: { tarball: buffer } });
  assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), []);
});

test("the types resolve and are right in every way to import ES modules", async () => {
  const result = await checkPackage(
    createPackageFromTarballData(new Uint8Array(await readFile(installed.tarball))),
  );
  assert.ok(result.types);
  const { exports } = JSON.parse(await readFile(join(root, "deno.json"), "utf8"));
  assert.deepEqual(Object.keys(result.entrypoints), Object.keys(exports));
  // CommonJS can require ES modules on new versions of Node, which these checks do not know.
  const problems = result.problems.filter((problem) =>
    !("resolutionKind" in problem) || !/^node(10|16-cjs)$/.test(problem.resolutionKind)
  );
  assert.deepEqual(problems, []);
});

test("the package contains the build and all licences, and no source", async () => {
  const folder = join(installed.folder, "node_modules", "@sublet", "mysql");
  const files = await readdir(folder, { recursive: true });
  for (const name of ["LICENSE", "README.md", "CHANGELOG.md"]) {
    assert.ok(files.includes(name), name);
  }
  const notices = await readFile(join(folder, "dist", "THIRD_PARTY_NOTICES.txt"), "utf8");
  assert.match(notices, /@std\/async[^]*the Deno authors[^]*WITHOUT WARRANTY/);
  const sources = files.filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"));
  assert.deepEqual([...sources, ...files.filter((name) => name.startsWith("tests"))], []);
  const code = files.filter((name) => /\.(js|d\.ts)$/.test(name));
  const texts = await Promise.all(code.map((name) => readFile(join(folder, name), "utf8")));
  const others = texts.flatMap((
    text,
  ) => [...text.matchAll(/(?:\bfrom |\bimport ?\(?)["']([^.][^"']*)["']/g)])
    .map(([, name = ""]) => name)
    .filter((name) => !/^(node:|mysql2(\/(promise|package\.json))?$|@sublet\/mysql)/.test(name));
  assert.deepEqual(others, []);
});

test("npm pack in the project makes the same package", async () => {
  const told = await npm(root, "pack", "--dry-run", "--json");
  const [{ files }] = JSON.parse(told);
  const folder = join(installed.folder, "node_modules", "@sublet", "mysql");
  const own = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = own.filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
  assert.deepEqual(files.map(({ path }: { path: string }) => path).sort(), paths.sort());
});

test("an entry or a condition for one runtime includes no other runtime's sockets", async () => {
  const all = ["bun", "deno", "node", "workerd"];
  for (const runtime of all) {
    assert.deepEqual(await socketsIn(`@sublet/mysql/${runtime}`), [runtime]);
  }
  for (const runtime of ["bun", "deno", "workerd"]) {
    assert.deepEqual(await socketsIn("@sublet/mysql", ["node", runtime]), [runtime]);
  }
  // Other runtimes run bundles for Node too, above all Workers.
  assert.deepEqual(await socketsIn("@sublet/mysql", ["node"]), all);
});

/** Returns the runtimes whose sockets a bundler includes with an entry, under conditions. */
async function socketsIn(entry: string, conditions: readonly string[] = []): Promise<string[]> {
  const { outputFiles: [file] } = await build({
    absWorkingDir: installed.folder,
    bundle: true,
    conditions: [...conditions],
    external: ["mysql2", "node:*"],
    format: "esm",
    stdin: { contents: `export * from "${entry}"`, resolveDir: installed.folder },
    write: false,
  });
  const found = [...file?.text.matchAll(/\bruntime: "(\w+)"/g) ?? []];
  return [...new Set(found.map(([, name = ""]) => name))].sort();
}

test("the JavaScript of the package is ASCII, which engines read fastest", async () => {
  const folder = join(installed.folder, "node_modules", "@sublet", "mysql", "dist");
  const files = await readdir(folder, { recursive: true });
  const code = files.filter((name) => name.endsWith(".js"));
  const texts = await Promise.all(code.map((name) => readFile(join(folder, name), "utf8")));
  assert.deepEqual(code.filter((_, i) => /[^\0-\x7f]/.test(texts[i] ?? "")), []);
});

test("a program that uses the types compiles, and so does every declaration", async () => {
  const config = {
    compilerOptions: {
      module: "nodenext",
      noEmit: true,
      skipLibCheck: false,
      strict: true,
      target: "es2024",
      typeRoots: [join(root, "node_modules", "@types")],
      types: ["node"],
    },
    files: ["use.ts"],
  };
  await writeFile(join(installed.folder, "tsconfig.json"), JSON.stringify(config));
  await writeFile(join(installed.folder, "use.ts"), program("node"));
  const tsc = run(binary("tsc"), ["-p", installed.folder, "--pretty", "false"]);
  const said = await tsc.then(() => "", ({ stdout }) => stdout);
  assert.equal(said, "");
});

for (
  const [title, runtime, command] of [
    ["the Node of the tests", "node", [process.execPath]],
    [`Node ${oldestNode}`, "node", [oldNode]],
    ["Bun", "bun", [binary("bun"), "run"]],
    ["Deno", "deno", [binary("deno"), "run", "--allow-all", "--no-lock"]],
  ] as const
) {
  test(`the installed package works on ${title}`, async () => {
    const [path, ...args] = command;
    const name = `use_${runtime}.js`;
    await writeFile(join(installed.folder, name), program(runtime));
    const env = { ...process.env, MYSQL_URL: server.url(), DENO_NO_UPDATE_CHECK: "1" };
    const options = { cwd: installed.folder, env, timeout: 30_000 };
    const { stdout } = await run(path, [...args, name], options);
    const expected = { sum: 7, answer: 42, runs: 2, isOneClass: true };
    assert.deepEqual(JSON.parse(stdout), expected);
  });
}

/** Returns a program for a runtime that uses the package; it is valid JavaScript and TypeScript. */
function program(runtime: string): string {
  return `
import process from "node:process";
import { createPool, SubletError } from "@sublet/mysql";
import { createPool as createOwn } from "@sublet/mysql/${runtime}";

const uri = process.env["MYSQL_URL"] ?? "";
const db = createPool({ uri, connections: { shop: {}, log: { limit: 1 } } });
const shop = db.connection("shop");
const answer = shop.method("SELECT 42 AS answer");
const [row] = await shop.transaction(() => answer());

let runs = 0;
await db.unit(() => {
  if (++runs === 1) throw Object.assign(new Error("Deadlock found"), { errno: 1213 });
}, { retries: 1 });

const own = createOwn({ uri, shared: false });
const [[{ sum } = {}]] = await own.query("SELECT ? + ? AS sum", [3, 4]);
let isOneClass = false;
try {
  createOwn({ uri, connectionLimit: -1 });
} catch (error) {
  isOneClass = error instanceof SubletError && error.code === "OPTION_INVALID";
}
console.log(JSON.stringify({ sum: Number(sum), ...row, runs, isOneClass }));
await Promise.all([db.drain(), own.drain()]);
`;
}

/** Installs the oldest Node, if it is not installed yet. */
async function installOldNode(): Promise<void> {
  if (existsSync(oldNode)) return;
  await mkdir(oldNodeFolder, { recursive: true });
  const manifest = { private: true, allowScripts: { node: true } };
  await writeFile(join(oldNodeFolder, "package.json"), JSON.stringify(manifest));
  await npm(oldNodeFolder, "install", `node@${oldestNode}`);
}
