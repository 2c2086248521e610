/** Definitions: the meaning and validation of options, and which definitions share a pool. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSubletPool } from "../../src/shell/compose.ts";
import { SubletError } from "../../src/shell/errors.ts";
import { resolveOptions } from "../../src/shell/options.ts";
import type { FakeTarget } from "./support/fake_connector.ts";
import { FakeConnector } from "./support/fake_connector.ts";
import { ManualClock, settled } from "./support/manual_clock.ts";
import { backendOf } from "./support/backend.ts";
import { createWorld, type FakePool, refused, seen } from "./support/pool.ts";

function invalid(options: object, message: RegExp): void {
  assert.throws(() => resolveOptions(options, ["host", "user", "password"]), (error) => {
    assert.ok(error instanceof SubletError);
    assert.equal(error.code, "OPTION_INVALID");
    assert.match(error.message, message);
    return true;
  });
}

function define(
  options: Record<string, unknown>,
  connector = new FakeConnector(),
): FakePool<"main"> {
  const backend = backendOf(connector, new ManualClock());
  return createSubletPool<"main", FakeTarget, { threadId: number }, Partial<FakeTarget>>(
    options,
    backend,
  );
}

test("without options a pool has the documented defaults", () => {
  const { policy, virtuals, acquireMs, leakMs, isShared } = resolveOptions({}, []);
  assert.deepEqual(policy, {
    connectionLimit: 10,
    queueLimit: Infinity,
    idleTimeout: 60_000,
    maxIdle: Infinity,
    idleCut: 59_000,
    maxLifetime: 1_800_000,
    validateAfter: 500,
    handoverMs: 100,
    backoffMin: 50,
    backoffMax: 250,
  });
  assert.deepEqual(virtuals, [
    { name: "main", limit: Infinity, minimum: 0, hold: "result", overrides: {} },
  ]);
  assert.deepEqual({ acquireMs, leakMs, isShared }, {
    acquireMs: 10_000,
    leakMs: 0,
    isShared: true,
  });
});

test("the pool refuses an unknown option, and suggests a similar one", () => {
  invalid({ conectionLimit: 5 }, /"conectionLimit"; did you mean "connectionLimit"\?$/);
  invalid({ usr: "me" }, /"usr"; did you mean "user"\?$/);
  invalid({ zzzzzz: 1 }, /^There is no option "zzzzzz"$/);
  invalid({ connections: { a: { limt: 1 } } }, /"connections\.a\.limt"; did you mean "limit"\?$/);
});

test("the pool refuses an invalid value, and shows it only if it is no string", () => {
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
    /must be one of \["statement","result","unit"\]/,
  );
  invalid({ connections: { a: { limit: 0 } } }, /"connections\.a\.limit"/);
  invalid({ connectionLimit: 2, minimumIdle: 3 }, /"minimumIdle" must be at most 2/);
  invalid({ maxIdle: 1, minimumIdle: 2 }, /"minimumIdle" must be at most 1/);
  invalid({ maxIdle: -1 }, /"maxIdle" must be a whole number from 0 on/);
  invalid({ name: "" }, /"name" must be a text/);
  invalid({ shared: 1 }, /"shared" must be one of/);
});

test("the other options make the target, and a virtual connection may override them", async () => {
  const { db } = createWorld({
    host: "h",
    connections: { shop: {}, reports: { database: "reports", limit: 2 } },
  });
  assert.equal((await seen(db.connection("shop"))).database, "shop");
  assert.equal((await seen(db.connection("reports"))).database, "reports");
});

test("virtual connections with equal targets share actual connections", async () => {
  const { db, connector } = createWorld({ connections: { a: {}, b: {}, c: { database: "c" } } });
  await seen(db.connection("a"));
  await seen(db.connection("b"));
  assert.equal(connector.sessions.length, 1);
  await seen(db.connection("c"));
  assert.equal(connector.sessions.length, 2);
});

test("the pool refuses an undeclared virtual connection, and suggests a similar one", async () => {
  const { db } = createWorld({ connections: { shop: {}, reports: {} } });
  assert.throws(() => db.connection("report" as never), /"report"; did you mean "reports"\?$/);
  assert.throws(() => db.connection("shpo" as never), /"shpo"; did you mean "shop"\?$/);
  await refused(db.query("SELECT"), "OPTION_INVALID");
  assert.throws(() => db.method("SELECT"), { code: "OPTION_INVALID" });
  await refused(db.unit(() => 1, { bind: { shpo: {} } as never }), "OPTION_INVALID");
});

/** Tells whether two definitions share a pool: whether the second uses the first's session. */
async function areShared(one: Record<string, unknown>, other: Record<string, unknown>) {
  const connector = new FakeConnector();
  await using first = define(one, connector);
  await using second = define(other, connector);
  await seen(first);
  await seen(second);
  return connector.sessions.length === 1;
}

/** Returns the warnings that `act` prints. */
async function warningsOf(act: () => unknown): Promise<string[]> {
  const warnings: string[] = [];
  const { warn } = console;
  console.warn = (text: string) => warnings.push(text);
  try {
    await act();
  } finally {
    console.warn = warn;
  }
  return warnings;
}

test("equal definitions share one pool until the last drain; different ones do not", async () => {
  const definition = { host: "registry", connections: { main: { limit: 3 } } };
  assert.equal(await areShared(definition, structuredClone(definition)), true);
  assert.equal(await areShared(definition, { ...definition, connectionLimit: 9 }), false);
  assert.equal(await areShared(definition, { ...definition, shared: false }), false);
  assert.equal(await areShared(definition, { ...definition, name: "registry" }), false);
  assert.equal(await areShared(definition, { ...definition, idleTimeout: Infinity }), false);
  const connector = new FakeConnector();
  const first = define(definition, connector);
  await seen(first);
  await first.drain();
  await using second = define(definition, connector);
  await seen(second);
  assert.equal(connector.sessions.length, 2);
});

test("a definition stays equal if it sets an option to the default", async () => {
  assert.equal(await areShared({ host: "default" }, { host: "default", queueLimit: 0 }), true);
});

/** A value whose content does not show in its properties. */
class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

const hiding: Readonly<Record<string, (text: string) => unknown>> = {
  "a function": (text) => () => text,
  "a bound function": (text) => String.prototype.concat.bind(text),
  "an object of a class": (text) => new Secret(text),
  "a Map": (text) => new Map([["key", text]]),
  "a Set": (text) => new Set([text]),
  "a Date": (text) => new Date(text.length),
  "a property that is not enumerable": (text) => Object.defineProperty({}, "key", { value: text }),
  "a property named by a symbol": (text) => ({ [Symbol.for("key")]: text }),
};

for (const [what, make] of Object.entries(hiding)) {
  test(`${what} in a definition is equal only to itself`, async () => {
    const warnings = await warningsOf(async () => {
      const value = make("one");
      const of = (database: unknown) => ({ host: what, database });
      assert.equal(await areShared(of(value), of(value)), true);
      assert.equal(await areShared(of(value), of(make("one"))), false);
      assert.equal(await areShared(of(value), of(make("two"))), false);
      assert.equal(await areShared(of({ key: [value] }), of({ key: [make("one")] })), false);
    });
    assert.equal(warnings.length, 2);
  });
}

test("unnamed definitions that differ only in functions cause one warning with a remedy", async () => {
  const reload = (options: object = {}) => {
    return define({ host: "warned", database: () => "secret", ...options });
  };
  const warnings = await warningsOf(async () => {
    const pools = [reload(), reload({ connectionLimit: 2 }), reload({ shared: false })];
    const named = ["a", "b", "b"].map((name) => reload({ name }));
    await Promise.all([...pools, ...named].map((db) => db.drain()));
    await reload().drain();
  });
  assert.deepEqual(warnings, []);
  const repeated = await warningsOf(async () => {
    const pools = Array.from({ length: 5 }, () => reload());
    await Promise.all(pools.map((db) => db.drain()));
  });
  assert.equal(repeated.length, 1);
  assert.match(repeated[0]!, /give the pool a name.*shared: false/);
  assert.doesNotMatch(repeated[0]!, /secret/);
});

test("a definition with closures never gets the closures of an earlier definition", async () => {
  const connector = new FakeConnector();
  await warningsOf(async () => {
    const password = (text: string) => () => text;
    await using a = define({ host: "tenant", database: password("a") }, connector);
    await using b = define({ host: "tenant", database: password("b") }, connector);
    const databases = [await seen(a), await seen(b)].map(({ database }) => database as unknown);
    assert.deepEqual(databases.map((each) => (each as () => string)()), ["a", "b"]);
  });
  const name = "tenant";
  define({ name, database: () => "a" }, connector);
  await using later = define({ name, database: () => "b" }, connector);
  const { database } = await seen(later);
  assert.equal((database as unknown as () => string)(), "b");
});

test("a changed definition of a name replaces the pool, whose handles drain", async () => {
  const connector = new FakeConnector();
  const handles = [define({ name: "shop" }, connector), define({ name: "shop" }, connector)];
  const [old, other] = handles as [FakePool<"main">, FakePool<"main">];
  const hanging = seen(old, "HANG");
  await settled();
  await using changed = define({ name: "shop", connectionLimit: 3 }, connector);
  await using again = define({ name: "shop", connectionLimit: 3 }, connector);
  for (const each of handles) {
    const { message } = await refused(seen(each), "POOL_DRAINING");
    assert.match(message, /a later createPool\(\) of the name "shop", .* has taken its place/);
  }
  assert.deepEqual(handles.map((each) => each.stats().phase), ["serving", "serving"]);
  connector.sessions[0]?.answer();
  await hanging;
  await other.drain();
  assert.equal(old.stats().phase, "closed");
  assert.equal((await seen(changed)).threadId, (await seen(again)).threadId);
  assert.equal(connector.open.length, 1);
});

test("of a hundred definitions of one name, one pool is left", async () => {
  const connector = new FakeConnector();
  const pools: FakePool<"main">[] = [];
  for (let i = 0; i < 100; i++) {
    const db = define({ name: "reloaded", database: () => "secret" }, connector);
    pools.push(db);
    await seen(db);
    await settled();
  }
  assert.equal(connector.open.length, 1);
  const phases = pools.map((db) => db.stats().phase);
  assert.deepEqual([...new Set(phases)], ["closed", "open"]);
  assert.equal(phases.indexOf("open"), 99);
  await pools[99]?.drain();
  assert.equal(connector.open.length, 0);
});
