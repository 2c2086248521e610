/** The first connect refuses a mysql2 that lacks internals which the pool uses. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { test } from "node:test";
import mysql2 from "mysql2";
import { createPool } from "../../mod.ts";
import { driverClassOf, internalsOf } from "../../src/mysql/mysql2_internals.ts";
import { lacksOf, supportedRange } from "../../src/mysql/mysql2_shape.ts";
import { one, refused } from "../support/asking.ts";
import { startServer } from "../support/server.ts";
import { root } from "../support/source.ts";

/** A driver's connection whose socket never connects. */
function connection(): mysql2.Connection {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  return mysql2.createConnection({ stream, connectTimeout: 0 });
}

/** Runs code while a property of an object has another value, and restores the property. */
async function doctored(
  object: object,
  name: string,
  value: unknown,
  fn: () => unknown,
): Promise<void> {
  const own = Object.getOwnPropertyDescriptor(object, name);
  Object.defineProperty(object, name, { value, configurable: true, writable: true });
  try {
    await fn();
  } finally {
    if (own === undefined) Reflect.deleteProperty(object, name);
    else Object.defineProperty(object, name, own);
  }
}

test("the error names the range of package.json", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  assert.equal(manifest.peerDependencies.mysql2, supportedRange);
});

test("lacksOf names all that is missing of a connection and of its commands", async () => {
  const driver = connection();
  const internals = internalsOf(driver);
  const { createQuery } = driverClassOf(internals);
  const query = Object.getPrototypeOf(createQuery("SELECT 1", [], undefined, internals.config));
  const cases: readonly [object: object, name: string, value: unknown, lack: string][] = [
    [driver, "handlePacket", undefined, "handlePacket"],
    [driver, "_commands", [], "_commands.get"],
    [driver, "_statements", [], "_statements.get"],
    [driver, "packetParser", {}, "packetParser.largePacketParts"],
    [driver, "sequenceId", "0", "sequenceId"],
    [driver, "_fatalError", undefined, "_fatalError"],
    [mysql2.Connection, "statementKey", undefined, "constructor.statementKey"],
    [query, "row", undefined, "row of query"],
    [query, "start", undefined, "start of query"],
  ];
  for (const [object, name, value, lack] of cases) {
    await doctored(object, name, value, () => {
      const lacks = lacksOf(internals);
      assert.ok(lacks.includes(lack), `${lack} is not in ${lacks}`);
    });
  }
});

test("the first connect rejects, leaves nothing open, and says what to install", async () => {
  await using server = await startServer();
  await using db = createPool({ uri: server.url(), shared: false });
  await doctored(mysql2.Connection.prototype, "_addCommandClosedState", undefined, async () => {
    const error = await refused(db.query("SELECT 1"), "DRIVER_UNSUPPORTED");
    assert.equal(error.stage, "connect");
    assert.match(
      error.message,
      /: mysql2 3\.\d+\.\d+ is not supported, as it lacks _addCommandClosedState: install mysql2 \^3/,
    );
    assert.equal(db.stats().size, 0);
    assert.equal(await server.connectionCount(), 0);
  });
  await using again = createPool({ uri: server.url(), shared: false });
  assert.equal(await one(again, "SELECT 1"), 1);
});
