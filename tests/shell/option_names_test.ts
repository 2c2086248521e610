/** Names of options, of events and of virtual connections: a misspelt one is never ignored. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool } from "../../mod.ts";
import { targetOptionNames } from "../../src/mysql/mod.ts";
import { POOL_OPTIONS } from "../../src/shell/option_names.ts";
import { resolveOptions } from "../../src/shell/options.ts";
import type { StatementOptions, Values } from "../../src/shell/statement.ts";
import { createWorld, type FakePool, refused, seen } from "./support/pool.ts";

type Call = (db: FakePool<"main">, options: never) => unknown;

const run = (): number => 1;

/** Returns what a call rejects with, or throws, as a promise. */
const asking = async (call: () => unknown): Promise<unknown> => await call();

/** Returns a statement that inherits nothing. */
const bare = (statement: StatementOptions, options: object): StatementOptions =>
  Object.assign(Object.create(null), statement, options);

/** Each call that takes options, with a misspelt option and the name that its error suggests. */
const calls: readonly (readonly [call: Call, typo: string, meant: string])[] = [
  [(db, options) => db.unit(run, options), "retrys", "retries"],
  [(db, options) => db.unit(run, options), "signl", "signal"],
  [(db, options) => db.unit(run, { bind: options }), "mian", "main"],
  [(db, options) => db.query("SELECT", [], options), "timout", "timeout"],
  [(db, options) => db.execute("SELECT", [], options), "singal", "signal"],
  [(db, options) => db.query({ sql: "SELECT", ...options as object }), "rowAsArray", "rowsAsArray"],
  [(db, options) => db.execute({ sql: "SELECT", ...options as object }), "vaules", "values"],
  [(db, options) => db.query({ values: [], ...options as object } as never), "text", "sql"],
  [(db, options) => db.query(bare({ sql: "SELECT" }, options)), "rowAsArray", "rowsAsArray"],
  [(db, options) => db.method<object>("SELECT")({}, options), "timeOut", "timeout"],
  [(db, options) => db.lease(options), "seperate", "separate"],
  [(db, options) => db.transaction(run, options), "isolaton", "isolation"],
  [(db, options) => db.transaction(run, options), "readonly", "readOnly"],
  [(db, options) => db.drain(options), "timout", "timeout"],
];

test("each call refuses a misspelt option, and suggests the right one", async () => {
  const { db, connector } = createWorld();
  for (const [call, typo, meant] of calls) {
    const asked = asking(() => call(db, { [typo]: 1 } as never));
    const { message } = await refused(asked, "OPTION_INVALID");
    assert.match(message, new RegExp(`"${typo}"; did you mean "${meant}"\\?$`));
  }
  await db.unit(async (unit) => {
    const bound = unit.connection("main").query("SELECT", [], { timout: 1 } as never);
    await refused(bound, "OPTION_INVALID");
  });
  await using lease = await db.lease();
  await refused(lease.query("SELECT", [], { timout: 1 } as never), "OPTION_INVALID");
  await refused(lease.query({ sql: "SELECT", rowAsArray: 1 } as never), "OPTION_INVALID");
  assert.equal(connector.sessions.length, 1);
});

test("each call refuses options that are no object", async () => {
  const { db } = createWorld();
  for (const none of [5, "main", true, null]) {
    for (const [call, typo] of calls) {
      if (/^(?:rowAsArray|text|vaules)$/.test(typo)) continue;
      await refused(asking(() => call(db, none as never)), "OPTION_INVALID");
    }
  }
});

test("each call refuses a signal that is none, and says what it received", async () => {
  const { db } = createWorld();
  const none: readonly (readonly [signal: unknown, received: RegExp])[] = [
    [new AbortController(), /received the AbortController that has it$/],
    [{}, /received an object$/],
    [5, /received 5$/],
    [null, /received null$/],
  ];
  const asked = [
    (options: never) => db.query("SELECT", [], options),
    (options: object) => db.query({ sql: "SELECT", ...options }),
    (options: never) => db.lease(options),
    (options: never) => db.unit(run, options),
    (options: never) => db.transaction(run, options),
  ];
  for (const [signal, received] of none) {
    for (const ask of asked) {
      const { message } = await refused(ask({ signal } as never), "OPTION_INVALID");
      assert.match(message, received);
    }
  }
});

test("an event that does not exist is refused, and the nearest one is suggested", () => {
  const { db } = createWorld();
  for (const listen of [db.on, db.once, db.off]) {
    assert.throws(() => listen.call(db, "aquire" as never, run), {
      code: "OPTION_INVALID",
      message: 'There is no event "aquire"; did you mean "acquire"?',
    });
    for (const none of ["toString", "error", "connect", Symbol("acquire"), undefined, 5]) {
      assert.throws(() => listen.call(db, none as never, run), { code: "OPTION_INVALID" });
    }
  }
});

test("names of other libraries bring the pool's own", () => {
  const own: Readonly<Record<string, string>> = {
    connectionString: "uri",
    connectionTimeoutMillis: "acquireTimeout",
    idleTimeoutMillis: "idleTimeout",
    idle_timeout_millis: "idleTimeout",
    max: "connectionLimit",
    maxPoolSize: "connectionLimit",
    min: "minimumIdle",
    pool: "connectionLimit",
    socket: "socketPath",
    "ssl-mode": "tls",
    sslmode: "tls",
    timeout: "acquireTimeout",
    url: "uri",
    username: "user",
  };
  for (const [theirs, ours] of Object.entries(own)) {
    assert.ok([...POOL_OPTIONS, ...targetOptionNames].includes(ours));
    assert.throws(() => createPool({ host: "h", [theirs]: 1 }), {
      message: `There is no option "${theirs}"; did you mean "${ours}"?`,
    });
  }
  for (const options of [{ max: 1 }, { connectionLimit: 1 }]) {
    assert.throws(() => resolveOptions({ connections: { a: options } }, []), /"limit"\?$/);
  }
});

test("a name that is far from all options brings none of them", () => {
  for (const name of ["reconnect", "logging", "statementTimeLimit", "getRow"]) {
    const message = `There is no option "${name}"`;
    assert.throws(() => createPool({ host: "h", [name]: 1 }), { message });
  }
});

test("an option of another call is refused with the call that takes it", async () => {
  const { db } = createWorld();
  const asked: readonly (readonly [asked: () => unknown, advice: RegExp])[] = [
    [() => db.unit(run, { isolation: "serializable" } as never), /`transaction\(fn, \{ isola/],
    [() => db.unit(run, { database: "shop_7" } as never), /`bind`/],
    [() => db.query("SELECT", [], { rowsAsArray: true } as never), /`query\(\{ sql, rows/],
    [() => db.lease({ acquireTimeout: 5 } as never), /did you mean "timeout"\?$/],
    [() => db.lease({ connectionLimit: 5 } as never), /`createPool` takes it$/],
    [() => db.transaction(run, { maxRetries: 5 } as never), /`unit\(fn, \{ transaction, ret/],
    [() => createPool({ host: "h", queryTimeout: 5 } as never), /`query\(sql, values, \{ tim/],
  ];
  for (const [call, advice] of asked) {
    assert.match((await refused(asking(call), "OPTION_INVALID")).message, advice);
  }
});

test("a name of a virtual connection that is none brings the names that the pool has", async () => {
  const { db } = createWorld();
  for (const none of ["shpo", undefined, 5, null, Symbol("main")]) {
    assert.throws(() => db.connection(none as never), {
      code: "OPTION_INVALID",
      message: `The pool has no virtual connection "${String(none)}": it has "main"`,
    });
  }
  for (const none of [true, 5, {}, [5], "mian", ["mian"]]) {
    await refused(db.unit(run, { transaction: none as never }), "OPTION_INVALID");
  }
});

test("what only a unit takes is refused elsewhere, with the call that takes it", async () => {
  const { db } = createWorld();
  for (const options of [{ retries: 3 }, { transaction: "main" }] as never[]) {
    const { message } = await refused(db.transaction(run, options), "OPTION_INVALID");
    assert.match(message, /`unit\(fn, \{ transaction, retries \}\)`$/);
  }
  const { message } = await refused(db.unit(run, { timeout: 1 } as never), "OPTION_INVALID");
  assert.match(message, /"signal"\? `AbortSignal\.timeout\(ms\)` makes one$/);
});

test("a statement takes all options of the driver, and any object of a class", async () => {
  const { db } = createWorld();
  const options = { rowsAsArray: false, nestTables: "_", typeCast: true, namedPlaceholders: true };
  await db.query({ sql: "SELECT", values: [1], ...options, timezone: "Z", dateStrings: true });
  class Tagged {
    readonly strings: readonly string[] = ["SELECT"];
    readonly values: Values = [];
    get sql(): string {
      return this.strings.join("?");
    }
  }
  await db.query(new Tagged());
  assert.ok(await seen(db));
});
