/**
 * A program that uses a pool in one of several ways and leaves it open.
 *
 * Its arguments are the URI of the server and the way.
 */

import process from "node:process";
import { createPool } from "../../../../mod.ts";

const [, , uri = "", way = ""] = process.argv;

/** Prints the code of an error and of its cause. */
function tell(error: unknown): void {
  const { code, cause } = error as { code?: string; cause?: { code?: string } };
  console.log(`${code}, ${cause?.code}`);
}

/** What it takes and never releases, so that it is not garbage-collected. */
const forgotten: unknown[] = [];

const ways: Readonly<Record<string, () => unknown>> = {
  async "after its work"() {
    const db = createPool({ uri, connectionLimit: 3 });
    await Promise.all([1, 2, 3, 4, 5].map(() => db.query("SELECT 1")));
    await db.transaction(() => db.query("SELECT 2"));
    console.log(`idle: ${db.stats().idle > 0}, leased: ${db.stats().leased}`);
  },
  async "after its work over TLS"() {
    const db = createPool({ uri, ssl: { rejectUnauthorized: false } });
    const [rows] = await db.query("SHOW SESSION STATUS LIKE 'Ssl_version'");
    console.log(String(rows[0]?.["Value"]).slice(0, 3));
  },
  async "with a least number"() {
    const db = createPool({ uri, minimumIdle: 2 });
    await db.query("SELECT 1");
    console.log(`size: ${db.stats().size}`);
  },
  "never used"() {
    const db = createPool({ uri, minimumIdle: 2, idleTimeout: 1000 });
    console.log(`size: ${db.stats().size}`);
  },
  async "after a failed connect"() {
    await createPool(uri).query("SELECT 1").catch(tell);
  },
  async "after a reset"() {
    const db = createPool(uri);
    await db.unit(() => db.query("SET @a = 1"));
    console.log("reset");
  },
  async "after an abort"() {
    const db = createPool(uri);
    await db.query("SELECT 1");
    await db.query("SELECT SLEEP(5)", undefined, { timeout: 500 }).catch(tell);
  },
  async "after an error of the server"() {
    await createPool(uri).query("SELECT * FROM nowhere").catch(tell);
  },
  "with a statement under way"() {
    createPool(uri).query("SELECT SLEEP(0.3)").then(([rows]) => console.log(rows.length));
  },
  "with somebody waiting"() {
    const db = createPool({ uri, connectionLimit: 1 });
    db.unit(async () => {
      await db.query("SET @a = 1");
      await new Promise((resolve) => setTimeout(resolve, 300));
    });
    db.query("SELECT 1").then(([rows]) => console.log(rows.length));
  },
  async "with nobody but a waiter"() {
    const db = createPool(uri);
    await db.query("SELECT 1");
    db.pause();
    // Neither this timer nor the idle socket keeps the process alive: only the waiter does.
    setTimeout(() => db.resume(), 300).unref();
    const [rows] = await db.query("SELECT 1");
    console.log(rows.length);
  },
  async "after a drain"() {
    const db = createPool(uri);
    await db.query("SELECT 1");
    await db.drain();
    console.log(db.stats().phase);
  },
  async "after a drain that left a lease"() {
    const db = createPool(uri);
    forgotten.push(await db.lease());
    await db.drain({ timeout: 50 });
    console.log(db.stats().phase);
  },
};

await ways[way]?.();
