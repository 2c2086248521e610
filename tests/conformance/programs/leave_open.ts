/**
 * A program that uses a pool in one of several ways and leaves it as it is.
 *
 * Its arguments are the runtime it runs in, the URI of the server, the way, and the certificate
 * of the server's authority.
 */

import process from "node:process";
import { createPool } from "../../../mod.ts";

const [, , , uri = "", way = "", ca = ""] = process.argv;

/** Prints the code of an error. */
function tell(error: unknown): void {
  console.log((error as { code?: string }).code);
}

const ways: Readonly<Record<string, () => unknown>> = {
  "was never used"() {
    console.log(`size: ${createPool({ uri, minimumIdle: 2 }).stats().size}`);
  },
  async "has idle connections"() {
    const db = createPool({ uri, connectionLimit: 3 });
    await Promise.all([1, 2, 3, 4, 5].map(() => db.query("SELECT 1")));
    await db.transaction(() => db.query("SELECT 2"));
    console.log(`idle: ${db.stats().idle > 0}, leased: ${db.stats().leased}`);
  },
  async "has idle connections over TLS"() {
    const [rows] = await createPool({ uri, ssl: { ca } }).query("SHOW STATUS LIKE 'Ssl_version'");
    console.log(String(rows[0]?.["Value"]).slice(0, 3));
  },
  async "keeps a least number open"() {
    const db = createPool({ uri, minimumIdle: 2 });
    await Promise.all([db.query("SELECT 1"), db.query("SELECT 2")]);
    console.log(`size: ${db.stats().size}`);
  },
  async "was drained"() {
    const db = createPool(uri);
    await db.query("SELECT 1");
    await db.drain();
    console.log(db.stats().phase);
  },
  async "had a session reset"() {
    const db = createPool(uri);
    await db.unit(() => db.query("SET @a = 1"));
    console.log("reset");
  },
  async "had a statement aborted"() {
    await createPool(uri).query("SELECT SLEEP(3)", undefined, { timeout: 300 }).catch(tell);
  },
  "has a statement under way"() {
    createPool(uri).query("SELECT SLEEP(0.3)").then(([rows]) => console.log(`${rows.length} row`));
  },
  async "could not connect"() {
    await createPool(uri).query("SELECT 1").catch(tell);
  },
  async "has given up"() {
    const db = createPool({ uri, acquireTimeout: 300, connectTimeout: 2_000 });
    await db.query("SELECT 1").catch(tell);
  },
};

await ways[way]?.();
