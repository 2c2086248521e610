/**
 * On real servers: no planted password, value or key shows in what a pool publishes: its errors,
 * events, channels and stats, and its printed objects.
 */

import assert from "node:assert/strict";
import { channel } from "node:diagnostics_channel";
import { after, before, describe, test } from "node:test";
import { inspect } from "node:util";
import { createPool, type Pool, type PoolOptions } from "../../mod.ts";
import type { EventName } from "../../src/shell/events.ts";
import { jsonOf } from "../support/json_of.ts";
import { failure } from "../support/asking.ts";
import { type Server, startServer } from "../support/server.ts";
import { type Flavor, lackOf } from "../support/server_binary.ts";

const password = "planted-password-7Xq";
const value = "planted-value-9Kd";

const names: readonly EventName[] = [
  "connection",
  "acquire",
  "release",
  "enqueue",
  "remove",
  "refuse",
  "leak",
];

let server: Server;
/** All that the pool published, as printed. */
let told: string[] = [];
const hear = (news: unknown): void => void told.push(printed(news));

/** Returns all forms in which a log may show a value. */
function printed(thing: unknown): string {
  const options = { depth: 12, maxArrayLength: 1000, maxStringLength: 1_000_000 };
  const text = thing instanceof Error ? `${thing} ${thing.stack}` : "";
  return [inspect(thing, options), text, jsonOf(thing)].join("\n");
}

async function prepare(flavor: Flavor): Promise<void> {
  server = await startServer({ flavor, tls: true });
  await server.query(`CREATE USER planted IDENTIFIED BY '${password}'`);
  await server.query("GRANT ALL ON test.* TO planted");
  for (const name of names) channel(`sublet:${name}`).subscribe(hear);
}

async function tidy(): Promise<void> {
  for (const name of names) channel(`sublet:${name}`).unsubscribe(hear);
  await server?.remove();
}

function poolWith(options: PoolOptions = {}): Pool<"main"> {
  const uri = `mysql://planted:${password}@${server.host}:${server.port}/test`;
  const db = createPool({ uri, shared: false, connectionLimit: 1, ...options });
  for (const name of names) db.on(name, hear);
  return db;
}

/** Fails if a text contains a secret. */
function assertSilent(texts: readonly string[], what: string): void {
  const key = (server.key ?? "").split("\n")[1] ?? "";
  assert.ok(key.length > 40);
  for (const [name, secret] of Object.entries({ password, value, key })) {
    const found = texts.find((text) => text.includes(secret));
    const at = found?.indexOf(secret) ?? 0;
    assert.equal(found, undefined, `${what} tells the ${name}: …${found?.slice(at - 200, at)}`);
  }
}

async function eventsAreSilent(): Promise<void> {
  told = [];
  const { ca = "", cert = "", key = "" } = server;
  const db = poolWith({ ssl: { ca, cert, key }, leakDetectionTimeout: 5 });
  await db.execute("SELECT ? AS v", [value]);
  await using lease = await db.lease();
  told.push(printed(lease), printed(lease.connection));
  const waiting = failure(db.query("SELECT ?", [value], { timeout: 20 }));
  told.push(printed(await waiting), printed(db.stats()), printed(db));
  lease.release();
  await db.drain();
  assert.ok(told.length > 8, `only ${told.length} outputs`);
  assertSilent(told, "What a pool says");
}

async function errorsAreSilent(): Promise<void> {
  told = [];
  const db = poolWith();
  const sql = "SELECT * FROM nowhere WHERE v = ?";
  const errors = [
    await failure(db.query(sql, [value])),
    await failure(db.execute(sql, [value])),
    await failure(db.query({ sql, values: [value] })),
    await failure(db.transaction(() => db.query(sql, [value]))),
    await failure(db.method("SELECT :v")({ w: value } as never)),
    await failure(db.method("SELECT :v")([value] as never)),
    await failure(db.query("SELECT SLEEP(5), ?", [value], { timeout: 50 })),
    await failure(poolWith({ password: `${password}-wrong` }).query("SELECT ?", [value])),
    await failure(poolWith({ port: 1 }).query("SELECT ?", [value])),
    await failure(poolWith({ ssl: { key: "no key at all", ca: "none" } }).query("SELECT 1")),
    await failure(poolWith({ database: "nowhere" }).query("SELECT ?", [value])),
  ];
  assertSilent(errors.map(printed), "An error");
  await db.drain();
}

async function errorsNameTheirText(): Promise<void> {
  await using db = poolWith();
  const sql = "SELECT * FROM nowhere WHERE v = ?";
  for (
    const error of [await failure(db.query(sql, [value])), await failure(db.execute(sql, [value]))]
  ) {
    assert.equal(Object(error).sql, sql);
    assert.equal(Object(error).errno, 1146);
  }
}

async function copiesHavePassword(): Promise<void> {
  await using db = createPool({ uri: server.url(), shared: false });
  await using lease = await db.lease();
  const copy = { ...lease.connection.config };
  assert.equal(copy.password, new URL(server.url()).password);
}

function optionsAreSilent(): void {
  for (
    const options of [
      { uri: `postgres://u:${password}@h/d` },
      { password: [password] },
      { connectionLimit: `mysql://u:${password}@h` },
      { ssl: password, host: 5 },
    ]
  ) {
    const made = (): unknown => createPool(options as never);
    assert.throws(made, (error) => {
      assertSilent([printed(error)], "An error of options");
      return true;
    });
  }
}

for (const flavor of ["mariadb", "mysql"] as const) {
  describe(flavor, { skip: lackOf(flavor) ?? false }, () => {
    before(() => prepare(flavor));
    after(tidy);

    test("events, channels, stats and the printed pool show no secret", eventsAreSilent);

    test("errors of pool, driver and server show no values and no passwords", errorsAreSilent);

    test("the error of a statement has the text that its caller gave", errorsNameTheirText);

    test(
      "a copy of a connection's options has the password",
      copiesHavePassword,
    );

    test("an error names invalid options, and does not show their values", optionsAreSilent);
  });
}
