/** By its types, the pool takes values of every kind, and no callback. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../support/source.ts";

/** What each expression finds. */
const surroundings = `
import { createPool, type Values } from ${JSON.stringify(join(root, "mod.ts"))};
const db = createPool("mysql://app@localhost/shop");
const shop = db.connection("main");
const lease = await db.lease();
interface Order { readonly id: number; readonly apply: string }
declare const order: Order;
declare const orders: readonly Order[];
declare const fn: (error: Error | null, rows: object[]) => void;
declare const either: number[] | (() => void);
declare const any: ReturnType<typeof JSON.parse>;
declare const maybe: unknown[] | undefined;
const byId = db.method<{ id: number }, Order>("SELECT * FROM orders WHERE id = :id");
const all = db.method<void, Order>("SELECT * FROM orders");
`;

const accepted: readonly string[] = [
  'db.query("SELECT 1")',
  'db.query("SELECT ?", [1, "a", null, undefined, new Date(), order])',
  'db.query<Order[]>("SELECT ?", [1] as const)[Symbol.toStringTag]',
  'db.query("SELECT :id", { id: 1, nested: { more: [] } })',
  'db.query("INSERT INTO orders SET ?", order)',
  'db.query("SELECT ?", orders)',
  'db.query("SELECT ?", maybe, { timeout: 5 })',
  'db.query("SELECT ?", 7)',
  'db.query("SELECT ?", "text")',
  'db.query("SELECT ?", 7n)',
  'db.query("SELECT ?", true)',
  'db.query("SELECT ?", null)',
  'db.query("SELECT ?", new Uint8Array())',
  'db.query("SELECT ?", new Map())',
  'db.query("SELECT ?", any)',
  'db.query({ sql: "SELECT ?", values: [1], rowsAsArray: true, typeCast: fn })',
  'shop.execute<Order[]>("SELECT :id", order)',
  'lease.execute("SELECT ?", [1])',
  "byId({ id: 1 })",
  "all()",
  "db.transaction(() => 1)",
  "[[], {}, 1, null] satisfies Values[]",
];

const refused: readonly string[] = [
  'db.query("SELECT 1", fn)',
  'db.query("SELECT 1", () => undefined)',
  'db.query("SELECT 1", async function () {})',
  'db.query("SELECT 1", class {})',
  'db.query("SELECT 1", either)',
  'db.query("SELECT 1", [1], fn)',
  'db.query({ sql: "SELECT 1" }, fn)',
  'db.query({ sql: "SELECT 1", values: fn })',
  'db.execute("SELECT 1", fn)',
  'db.execute("SELECT 1", [1], fn)',
  'shop.query("SELECT 1", fn)',
  'shop.execute("SELECT 1", [1], (error) => undefined)',
  'lease.query("SELECT 1", fn)',
  'lease.execute("SELECT 1", [1], fn)',
  "byId(fn)",
  "byId({ id: 1 }, fn)",
  "all(fn)",
  "db.lease(fn)",
  "db.drain(fn)",
  "db.unit(() => 1, fn)",
  "db.transaction(() => 1, fn)",
  "db.transaction(undefined)",
  'db.transaction("SELECT 1")',
  "db.unit(undefined)",
  "db.handler(undefined)",
];

/** Returns the numbers of the expressions that do not compile, and the compiler message of each. */
async function errorsOf(expressions: readonly string[]): Promise<ReadonlyMap<number, string>> {
  const cache = join(root, "node_modules", ".cache", "sublet");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "types-"));
  try {
    const lines = expressions.map((each) => `void (${each});`);
    await writeFile(join(folder, "use.ts"), `${surroundings}${lines.join("\n")}\n`);
    const config = { extends: join(root, "tsconfig.json"), include: ["use.ts"] };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
    const tsc = join(root, "node_modules", ".bin", "tsc");
    const output = await new Promise<string>((resolve) => {
      const args = ["-p", folder, "--pretty", "false"];
      execFile(tsc, args, (_, stdout, stderr) => resolve(stdout + stderr));
    });
    const before = surroundings.split("\n").length;
    const errors = [...output.matchAll(/^.*?use\.ts\((\d+),\d+\): (error .*)$/gm)];
    return new Map(errors.map(([, line, text]) => [Number(line) - before, text ?? ""]));
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("values of every kind compile", async () => {
  const errors = await errorsOf(accepted);
  assert.deepEqual([...errors].map(([index, text]) => `${accepted[index]}: ${text}`), []);
});

test("no callback compiles, nor what is no function where one is to be run", async () => {
  const errors = await errorsOf(refused);
  assert.deepEqual(refused.filter((_, index) => !errors.has(index)), []);
});
