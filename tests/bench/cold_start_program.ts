/** A program that imports a client and awaits its first answer; it prints the time of each. */

import process from "node:process";

const [key = "", uri = "", sublet = ""] = process.argv.slice(2);
const began = performance.now();
const ask = await load();
const imported = performance.now();
await ask();
const answered = performance.now();
const found = { importMs: imported - began, answerMs: answered - imported };
process.stdout.write(JSON.stringify(found));
process.exit();

/** Imports a client; returns a function that creates its pool and sends the first query. */
async function load(): Promise<() => Promise<unknown>> {
  switch (key) {
    case "sublet": {
      const { createPool }: typeof import("../../mod.ts") = await import(sublet);
      return () => createPool(uri).query("SELECT 1");
    }
    case "mysql2Promise": {
      const { createPool } = await import("mysql2/promise");
      return () => createPool(uri).query("SELECT 1");
    }
    case "mariadb": {
      const { createPool } = await import("mariadb");
      return () => createPool(uri.replace(/^mysql/, "mariadb")).query("SELECT 1");
    }
    case "bunSql": {
      const { bunClient } = await import("./peers/bun_client.ts");
      return () => bunClient({ uri, limit: 1 }).select(1);
    }
    default:
      throw new RangeError(`Nobody has the name ${key}`);
  }
}
