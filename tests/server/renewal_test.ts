/**
 * On real servers: the pool counts its new logins by reason, and replaces the connections of a
 * server that refuses a reset or a new login.
 */

import assert from "node:assert/strict";
import { createPool, type PoolOptions } from "../../mod.ts";
import { onBoth, serversOf } from "../support/both.ts";
import { atRest, one, threadOf } from "../support/asking.ts";
import { type Refusal, startProxy } from "../support/proxy.ts";

const testOnBoth = onBoth(serversOf([], async (server) => {
  await server.query("CREATE DATABASE b");
  await server.query("CREATE ROLE clerk");
  await server.query("GRANT clerk TO app");
  await server.query("CREATE PROCEDURE test.pay() SELECT 1");
}));

const options: PoolOptions = { shared: false, connectionLimit: 1, validateAfter: 60_000 };

testOnBoth("the pool counts new logins by reason, and no resets", async (server) => {
  await using db = createPool({ uri: server.url(), ...options });
  assert.deepEqual(db.stats().renewals, {});
  for (const sql of ["SET @a = 1", "SELECT 1", "CREATE TEMPORARY TABLE tmp (v INT)"]) {
    await db.unit(() => db.query(sql));
    await atRest(db);
  }
  assert.deepEqual(db.stats().renewals, {});
  const thread = await threadOf(db);
  for (const sql of ["USE b", "USE b", "SET ROLE clerk", "CALL pay()"]) {
    await db.unit(() => db.query(sql));
    await atRest(db);
  }
  const lease = await db.lease();
  await lease.connection.promise().changeUser({ database: "b" });
  lease.release();
  await atRest(db);
  const renewals = { "USE": 2, "SET ROLE": 1, "call of pay": 1, "changeUser": 1 };
  assert.deepEqual(db.stats().renewals, renewals);
  assert.equal(await threadOf(db), thread);
});

testOnBoth("the pool counts a hundred reasons apart, and the rest together", async (server) => {
  await using db = createPool({ uri: server.url(), ...options });
  for (let i = 0; i < 103; i++) {
    await assert.rejects(db.query(`CALL missing_${i}()`), { errno: 1305 });
    await atRest(db);
  }
  const { renewals } = db.stats();
  assert.equal(Object.keys(renewals).length, 101);
  assert.equal(renewals["others"], 3);
});

testOnBoth("a server without session tracking is its own reason", async (server) => {
  await using proxy = await startProxy(server, {
    refuses: (command) => /session_track/.test(command) ? unknown : undefined,
  });
  await using db = createPool({ uri: proxy.uri, ...options });
  await db.query("SELECT 1");
  await atRest(db);
  assert.deepEqual(db.stats().renewals, { "no session tracking": 1 });
});

const unknown: Refusal = { errno: 1193, message: "Unknown system variable" };

for (const errno of [1047, 1235]) {
  for (const refused of ["RESET", "CHANGE_USER"]) {
    testOnBoth(`a ${refused} refused with ${errno} is not tried again`, async (server) => {
      const refusal = { errno, message: "unsupported command" };
      await using proxy = await startProxy(server, {
        refuses: (command) => command === refused ? refusal : undefined,
      });
      await using db = createPool({
        uri: proxy.uri,
        ...options,
        connections: { main: {}, other: { database: "b" } },
      });
      const [main, other] = [db.connection("main"), db.connection("other")];
      const dirty = refused === "RESET" ? "SET @a = 1" : "USE b";
      for (let round = 0; round < 4; round++) {
        await db.unit(() => main.query(dirty));
        assert.equal(await one(main, "SELECT @a"), null);
        assert.equal(await one(main, "SELECT DATABASE()"), "test");
        assert.equal(await one(other, "SELECT DATABASE()"), "b");
        assert.equal(await one(main, "SELECT DATABASE()"), "test");
      }
      const tried = proxy.forget().filter((command) => /^(?:RESET|CHANGE_USER)$/.test(command));
      assert.deepEqual(tried, [refused]);
      const clean = await threadOf(main);
      await main.query("SELECT 1");
      assert.equal(await threadOf(main), clean);
    });
  }
}

testOnBoth("a node that is not ready does not refuse resets for good", async (server) => {
  let isReady = false;
  const notReady = { errno: 1047, message: "WSREP has not yet prepared node" };
  await using proxy = await startProxy(server, {
    refuses: (command) => command === "RESET" && !isReady ? notReady : undefined,
  });
  await using db = createPool({ uri: proxy.uri, ...options });
  await db.unit(() => db.query("SET @a = 1"));
  assert.equal(await one(db, "SELECT @a"), null);
  isReady = true;
  const thread = await threadOf(db);
  await db.unit(() => db.query("SET @a = 1"));
  assert.equal(await one(db, "SELECT @a"), null);
  assert.equal(await threadOf(db), thread);
});

const lookUp = /information_schema\.triggers/;

testOnBoth("the pool does not repeat a look-up that the server refuses", async (server) => {
  await using proxy = await startProxy(server, {
    refuses: (command) =>
      lookUp.test(command) ? { errno: 1105, message: "unsupported" } : undefined,
  });
  await using db = createPool({ uri: proxy.uri, ...options });
  const thread = await threadOf(db);
  for (let round = 0; round < 3; round++) await db.query("SELECT 1 FROM DUAL");
  assert.equal(await threadOf(db), thread);
  assert.deepEqual(db.stats().renewals, {});
  assert.equal(proxy.forget().filter((command) => lookUp.test(command)).length, 1);
});

testOnBoth("a failed look-up costs a new login, and the pool tries it again", async (server) => {
  let isFailing = true;
  const late = { errno: 3024, message: "maximum statement execution time exceeded" };
  await using proxy = await startProxy(server, {
    refuses: (command) => lookUp.test(command) && isFailing ? late : undefined,
  });
  await using db = createPool({ uri: proxy.uri, ...options });
  for (const expected of [{ "failed look-up": 1 }, { "failed look-up": 1 }]) {
    await db.query("SELECT 1 FROM DUAL");
    await atRest(db);
    assert.deepEqual(db.stats().renewals, expected);
    isFailing = false;
  }
  assert.equal(proxy.forget().filter((command) => lookUp.test(command)).length, 2);
});
