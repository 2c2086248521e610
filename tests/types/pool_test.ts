/**
 * By its types, a pool speaks for `main` only if it has a virtual connection of that name. The
 * compiler checks each line under `@ts-expect-error`; the tests run them as well.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { QueryOptions } from "mysql2";
import { createPool, type Pool, type StatementOptions } from "../../mod.ts";
import { compat, createPool as createFace, dbOf } from "../../src/entries/compat_promise.ts";
import { refused } from "../support/asking.ts";

const uri = "mysql://app:secret@127.0.0.1:1/test";

/** Any pool will do. */
function sizeOf(db: Pool): number {
  return db.stats().size;
}

/** A pool with `main` will do, whatever else it has. */
function hasMain(db: Pool<"main">): boolean {
  return typeof db.query === "function";
}

test("a pool of a URI, or without `connections`, has main and its methods", async () => {
  for (const db of [createPool(uri), createPool({ uri }), createPool(new URL(uri))]) {
    const named: Pool<"main"> = db;
    assert.ok(hasMain(named));
    assert.equal(sizeOf(db), 0);
    assert.ok(db.method("SELECT 1"));
    await db.unit((unit) => assert.ok(unit.method("SELECT 1")));
    // @ts-expect-error There is no such virtual connection.
    assert.throws(() => db.connection("shpo"), { code: "OPTION_INVALID" });
    assert.equal(db.on("acquire", () => undefined).method.length, 1);
    await db.drain();
  }
});

test("a pool without main has no query, execute, method, transaction or lease", async () => {
  await using db = createPool({ uri, connections: { shop: {}, reports: {} } });
  assert.equal(sizeOf(db), 0);
  // @ts-expect-error: the types do not allow it
  await refused(db.query("SELECT 1"), "OPTION_INVALID");
  // @ts-expect-error: the types do not allow it
  await refused(db.execute("SELECT 1"), "OPTION_INVALID");
  // @ts-expect-error: the types do not allow it
  assert.throws(() => db.method("SELECT 1"), { code: "OPTION_INVALID" });
  // @ts-expect-error: the types do not allow it
  await refused(db.transaction(() => 1), "OPTION_INVALID");
  // @ts-expect-error: the types do not allow it
  await refused(db.lease(), "OPTION_INVALID");
  // @ts-expect-error: the types do not allow it
  await db.unit((unit) => refused(unit.query("SELECT 1"), "OPTION_INVALID"));
  // @ts-expect-error: the types do not allow it
  assert.ok(hasMain(db));
  // @ts-expect-error: the types do not allow it
  assert.throws(() => db.connection("shpo"), /did you mean "shop"/);
});

test("a pool with main and others has both", async () => {
  await using db = createPool({ uri, connections: { main: {}, shop: {} } });
  assert.ok(db.method("SELECT 1") && db.connection("shop").method("SELECT 1"));
  assert.ok(hasMain(db));
  assert.equal(sizeOf(db), 0);
  assert.ok(compat(db) && compat(db, "shop"));
  // @ts-expect-error: the types do not allow it
  assert.throws(() => compat(db, "shpo"), { code: "OPTION_INVALID" });
});

test("Pool without names takes every pool, and has no query", async () => {
  const db: Pool = createPool(uri);
  // @ts-expect-error: the types do not allow it
  assert.ok(db.query);
  await db.unit((unit) => assert.ok(unit.connection("main")));
  await db.drain();
});

test("the pool behind a mysql2 pool has main", async () => {
  const face = createFace({ uri });
  assert.ok(dbOf(face).method("SELECT 1"));
  await face.end();
});

/** All that mysql2 takes with a statement, by its own types, is an option of a statement here. */
export const known: keyof QueryOptions extends keyof StatementOptions ? true : never = true;

test("a misspelt option of a statement does not compile", async () => {
  await using db = createPool(uri);
  // @ts-expect-error: the types do not allow it
  await refused(db.query({ sql: "SELECT 1", rowAsArray: true }), "OPTION_INVALID");
});
