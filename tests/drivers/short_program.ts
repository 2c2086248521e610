/** What the pool uses most of the driver, on the server of the first argument; tells each as JSON. */

import assert from "node:assert/strict";
import process from "node:process";
import { createPool } from "../../mod.ts";
import { endless, failure, one, threadOf } from "../support/asking.ts";

const { default: manifest } = await import("mysql2/package.json", { with: { type: "json" } });
const uri = process.argv[2] ?? "";
const done: string[] = [];

for (const compress of [false, true]) {
  await using db = createPool({ uri, compress, shared: false, connectionLimit: 1 });
  const thread = await threadOf(db);
  assert.deepEqual((await db.query("SELECT ? AS n", [1]))[0], [{ n: 1 }]);
  done.push("query");
  for (const n of [1, 2, 3]) assert.deepEqual((await db.execute("SELECT ? AS n", [n]))[0], [{ n }]);
  done.push("execute");
  const signal = AbortSignal.timeout(200);
  assert.equal(await failure(db.query(endless, [], { signal })), signal.reason);
  assert.equal(await threadOf(db), thread);
  done.push("cancel");
  const lease = await db.lease();
  const handle = await lease.connection.promise().prepare("SELECT ? AS healed");
  await handle.close();
  lease.release();
  assert.deepEqual((await db.execute("SELECT ? AS healed", [1]))[0], [{ healed: 1 }]);
  done.push("heal");
  const text = "x".repeat(100_000);
  assert.equal(await one(db, "SELECT ?", [text]), text);
  const [row] = (await db.query("SHOW SESSION STATUS LIKE 'Compression'"))[0];
  assert.equal(row?.["Value"], compress ? "ON" : "OFF");
  done.push("compress");
}
process.stdout.write(`${JSON.stringify({ version: manifest.version, done })}\n`);
