/** The pool refuses a callback where it returns a promise, and a missing function. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createWorld, endsEmpty, type FakePool, seen } from "./support/pool.ts";

/** A callback as a user of mysql2 passes it. */
const callback = (): void => assert.fail("It is never called");

/** A pool, a virtual connection or a lease, with a type that allows any arguments. */
interface Untyped {
  readonly query: (...args: readonly unknown[]) => Promise<unknown>;
  readonly execute: (...args: readonly unknown[]) => Promise<unknown>;
}

type Ask = (asked: Untyped) => Promise<unknown>;

const callbacks: Readonly<Record<string, Ask>> = {
  "query(sql, fn)": (db) => db.query("SELECT", callback),
  "query(sql, values, fn)": (db) => db.query("SELECT", [1], callback),
  "query({ sql }, fn)": (db) => db.query({ sql: "SELECT" }, callback),
  "query({ values: fn })": (db) => db.query({ sql: "SELECT", values: callback }),
  "query({ sql, values }, fn)": (db) => db.query({ sql: "SELECT", values: [1] }, callback),
  "execute(sql, fn)": (db) => db.execute("SELECT", callback),
  "execute(sql, values, fn)": (db) => db.execute("SELECT", [1], callback),
  "an async function": (db) => db.query("SELECT", async () => await undefined),
  "a class": (db) => db.query("SELECT", class {}),
};

const untyped = (asked: object): Untyped => asked as Untyped;

const places: Readonly<Record<string, (db: FakePool<"main">, ask: Ask) => Promise<unknown>>> = {
  "a pool": (db, ask) => ask(untyped(db)),
  "a virtual connection": (db, ask) => ask(untyped(db.connection("main"))),
  "a lease": async (db, ask) => {
    await using lease = await db.lease();
    await ask(untyped(lease));
  },
  "a unit": (db, ask) => db.unit(() => ask(untyped(db))),
  "a transaction": (db, ask) => db.transaction(() => ask(untyped(db))),
};

/** Expects a `TypeError` that names both remedies: `await`, or the package's compat entry. */
async function told(promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof TypeError, String(error));
    assert.match(error.message, /returns a promise: await it.*"@sublet\/mysql\/compat"/);
    return true;
  });
}

for (const [place, run] of Object.entries(places)) {
  test(`the pool refuses a callback before it sends a statement: in ${place}`, async () => {
    const world = createWorld({ connectionLimit: 1 });
    for (const ask of Object.values(callbacks)) await told(run(world.db, ask));
    const sent = world.connector.log.filter((line) => line.includes("SELECT"));
    assert.deepEqual(sent, []);
    if (!/lease|transaction/.test(place)) assert.equal(world.connector.sessions.length, 0);
    await seen(world.db);
    await endsEmpty(world);
  });
}

const methods: Readonly<Record<string, (db: FakePool<"main">) => Promise<unknown>>> = {
  "method(…)(fn)": (db) => db.method<unknown>("SELECT")(callback),
  "method(…)(values, fn)": (db) => db.method<unknown>("SELECT :a")({ a: 1 }, callback as never),
  "lease(fn)": (db) => db.lease(callback as never),
  "drain(fn)": (db) => db.drain(callback as never),
  "unit(fn, fn)": (db) => db.unit(() => seen(db), callback as never),
  "transaction(fn, fn)": (db) => db.transaction(() => seen(db), callback as never),
};

for (const [call, ask] of Object.entries(methods)) {
  test(`the pool refuses a callback before it opens a connection: ${call}`, async () => {
    const world = createWorld({ connectionLimit: 1 });
    await told(ask(world.db));
    assert.equal(world.connector.sessions.length, 0);
    await seen(world.db);
    await endsEmpty(world);
  });
}

test("a TypeError names the method and the value that it got instead of a function", async () => {
  const world = createWorld();
  const { db } = world;
  for (const [given, shown] of [[undefined, "undefined"], ["SELECT", "string"], [null, "null"]]) {
    const fn = given as never;
    const message = (method: string) => new RegExp(`^${method}\\(\\) expects .*${shown}$`);
    await assert.rejects(db.unit(fn), { name: "TypeError", message: message("unit") });
    const expected = { name: "TypeError", message: message("transaction") };
    await assert.rejects(db.transaction(fn), expected);
    await assert.rejects(db.connection("main").transaction(fn), expected);
    assert.throws(() => db.handler(fn), { name: "TypeError", message: message("handler") });
  }
  const listener = undefined as never;
  assert.throws(() => db.on("release", listener), { name: "TypeError" });
  assert.throws(() => db.once("release", listener), { name: "TypeError" });
  assert.equal(world.connector.sessions.length, 0);
  await endsEmpty(world);
});
