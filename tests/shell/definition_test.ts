/** Definitions: what options mean, what is refused, and when two ask for the same pool. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSubletPool } from "../../src/shell/compose.ts";
import { SubletError } from "../../src/shell/errors.ts";
import { planOf } from "../../src/shell/options.ts";
import type { FakeTarget } from "./support/fake_port.ts";
import { FakePort } from "./support/fake_port.ts";
import { ManualClock, settled } from "./support/manual_clock.ts";
import { foundationOf } from "./support/foundation.ts";
import { createWorld, type FakePool, refused, seen } from "./support/pool.ts";

function invalid(options: object, message: RegExp): void {
  assert.throws(() => planOf(options, ["host", "user", "password"]), (error) => {
    assert.ok(error instanceof SubletError);
    assert.equal(error.code, "OPTION_INVALID");
    assert.match(error.message, message);
    return true;
  });
}

function define(options: Record<string, unknown>, port = new FakePort()): FakePool<"main"> {
  const foundation = foundationOf(port, new ManualClock());
  return createSubletPool<"main", FakeTarget, { threadId: number }, Partial<FakeTarget>>(
    options,
    foundation,
  );
}

test("without options a pool has the documented defaults", () => {
  const { policy, virtuals, acquireMs, leakMs, isShared } = planOf({}, []);
  assert.deepEqual(policy, {
    connectionsMax: 10,
    waitersMax: Infinity,
    idleMsMax: 60_000,
    restMax: Infinity,
    hasteMs: 59_000,
    ageMsMax: 1_800_000,
    freshMsMax: 500,
    tenureMs: 100,
    backoffMsMin: 50,
    backoffMsMax: 250,
  });
  assert.deepEqual(virtuals, [
    { name: "main", limit: Infinity, minimum: 0, hold: "answer", overlay: {} },
  ]);
  assert.deepEqual({ acquireMs, leakMs, isShared }, {
    acquireMs: 10_000,
    leakMs: 0,
    isShared: true,
  });
});

test("an unknown option is refused, and the nearest one named", () => {
  invalid({ conectionLimit: 5 }, /"conectionLimit"; the nearest is "connectionLimit"$/);
  invalid({ usr: "me" }, /"usr"; the nearest is "user"$/);
  invalid({ zzzzzz: 1 }, /^There is no option "zzzzzz"$/);
  invalid({ connections: { a: { limt: 1 } } }, /"connections\.a\.limt"; the nearest is "limit"$/);
});

test("a value that does not fit is refused, and shown only if it is no secret", () => {
  invalid(
    { connectionLimit: 0 },
    /"connectionLimit" must be a whole number from 1 on: received 0$/,
  );
  invalid({ connectionLimit: 1.5 }, /received 1\.5$/);
  invalid({ idleTimeout: -1 }, /"idleTimeout" must be a number of ms/);
  invalid({ idleTimeout: "5" }, /received a string$/);
  invalid({ connections: {} }, /"connections" must be an object/);
  invalid({ connections: { a: 1 } }, /"connections\.a" must be an object: received 1$/);
  invalid(
    { connections: { a: "mysql://me:secret@host/db" } },
    /must be an object: received a string$/,
  );
  invalid(
    { connections: { a: { hold: "ever" } } },
    /must be one of \["statement","answer","unit"\]/,
  );
  invalid({ connections: { a: { limit: 0 } } }, /"connections\.a\.limit"/);
  invalid({ connectionLimit: 2, minimumIdle: 3 }, /"minimumIdle" must be at most 2/);
  invalid({ maxIdle: 1, minimumIdle: 2 }, /"minimumIdle" must be at most 1/);
  invalid({ maxIdle: -1 }, /"maxIdle" must be a whole number from 0 on/);
  invalid({ name: "" }, /"name" must be a text/);
  invalid({ shared: 1 }, /"shared" must be one of/);
});

test("what is not the pool's goes to the target, for each virtual connection its own", async () => {
  const { db } = createWorld({
    host: "h",
    connections: { shop: {}, reports: { database: "reports", limit: 2 } },
  });
  assert.equal((await seen(db.connection("shop"))).database, "shop");
  assert.equal((await seen(db.connection("reports"))).database, "reports");
});

test("virtual connections with equal targets share actual connections", async () => {
  const { db, port } = createWorld({ connections: { a: {}, b: {}, c: { database: "c" } } });
  await seen(db.connection("a"));
  await seen(db.connection("b"));
  assert.equal(port.sessions.length, 1);
  await seen(db.connection("c"));
  assert.equal(port.sessions.length, 2);
});

test("an undeclared virtual connection is refused, and the nearest one named", async () => {
  const { db } = createWorld({ connections: { shop: {}, reports: {} } });
  assert.throws(() => db.connection("report" as never), /"report"; the nearest is "reports"$/);
  await refused(db.query("SELECT"), "OPTION_INVALID");
  assert.throws(() => db.method("SELECT"), { code: "OPTION_INVALID" });
  await refused(db.unit(() => 1, { bind: { shpo: {} } as never }), "OPTION_INVALID");
});

test("equal definitions share one pool until it drains, different ones do not", async () => {
  const password = (): string => "secret";
  const definition = { host: "registry", connections: { main: { limit: 3 } } };
  const first = define({ ...definition, host: "registry" });
  assert.equal(define(structuredClone(definition)), first);
  assert.notEqual(define({ ...definition, connectionLimit: 9 }), first);
  assert.notEqual(define({ ...definition, shared: false }), first);
  assert.notEqual(define({ ...definition, database: password }), first);
  await first.drain();
  assert.notEqual(define(definition), first);
});

test("functions in definitions are equal if their text is", () => {
  const make = (): Record<string, unknown> => ({ host: "text", database: () => "secret" });
  assert.equal(define(make()), define(make()));
  assert.notEqual(define(make()), define({ host: "text", database: () => "other" }));
});

test("a changed definition of one name takes the place of the pool, which drains", async () => {
  const port = new FakePort();
  const old = define({ name: "shop" }, port);
  assert.equal(define({ name: "shop" }), old);
  const hanging = seen(old, "HANG");
  await settled();
  const changed = define({ name: "shop", connectionLimit: 3 });
  assert.notEqual(changed, old);
  assert.equal(define({ name: "shop", connectionLimit: 3 }), changed);
  await refused(seen(old), "POOL_DRAINING");
  port.sessions[0]?.answer();
  await hanging;
  await settled();
  assert.equal(old.census().phase, "closed");
});
