/**
 * On real servers: a test provokes each row of the table of errors, if possible in a transaction
 * that has written, and compares what the table says with what it then finds.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { after, test } from "node:test";
import { classOf, type Flavor, table } from "../../src/mysql/errors.ts";
import { type Server, startServer } from "../support/server.ts";
import { lackOf } from "../support/server_binary.ts";
import { until } from "../support/wait.ts";
import { cases, type Place, unprovoked } from "./error_cases.ts";
import { one, open, run, targetAt, type TestSession } from "./fixture.ts";

/** The library that makes a MariaDB server a node of a cluster. */
const galera = "/usr/lib/galera/libgalera_smm.so";

const servers: Map<Flavor, Promise<Server>> = new Map();

after(async () => {
  for (const server of servers.values()) await (await server).remove();
});

async function serverOf(flavor: Flavor): Promise<Server> {
  const server = await (servers.get(flavor) ?? start(flavor));
  if (server.pid === undefined) await server.restart();
  return server;
}

function start(flavor: Flavor): Promise<Server> {
  const starting = startServer({
    flavor,
    options: ["--max-allowed-packet=64K", "--max-user-connections=100"],
  });
  servers.set(flavor, starting);
  return starting;
}

async function place(flavor: Flavor): Promise<Place> {
  const server = await serverOf(flavor);
  await removeOthers(server);
  await server.query("DROP TABLE IF EXISTS test.t, test.own");
  await server.query("CREATE TABLE test.t (id INT PRIMARY KEY, v INT) ENGINE = InnoDB");
  await server.query("INSERT INTO test.t VALUES (1, 1), (2, 2)");
  await server.query("CREATE TABLE test.own (v INT) ENGINE = InnoDB");
  const [mine, other] = [await open(targetAt(server)), await open(targetAt(server))];
  await run(mine, "BEGIN");
  await run(mine, "INSERT INTO own VALUES (1)");
  return { server, mine, other };
}

/** Kills the connections that an earlier test has left on the server. */
async function removeOthers(server: Server): Promise<void> {
  const left = await server.query("SHOW PROCESSLIST");
  for (const { Id, User } of left) {
    // The connection may have ended by itself meanwhile: ER_NO_SUCH_THREAD.
    if (User === "app") {
      await server.query(`KILL ${Id}`).catch((error) => assert.equal(error.errno, 1094));
    }
  }
  await until(async () => await server.connectionCount() === 0, "nobody else is there");
}

/** Returns whether a session's connection and its transaction have outlived an error. */
async function outlived(session: TestSession): Promise<readonly [boolean, boolean]> {
  try {
    const count = Number(await one(session, "SELECT COUNT(*) FROM own"));
    return [true, count === 1 && session.isInTransaction];
  } catch (error) {
    assert.equal(classOf(error).isLoss, true, String(error));
    return [false, false];
  }
}

for (const { on, known, provoke, undo, serverState } of cases) {
  for (const flavor of on) {
    test(
      `${flavor}: ${known} has the effects that the table says`,
      { skip: lackOf(flavor) ?? false },
      async () => {
        const { server, mine, other } = await place(flavor);
        try {
          const error = await provoke({ server, mine, other }).then(() => undefined, (e) => e);
          assert.ok([error?.errno, error?.code].includes(known), `${error?.errno} ${error?.code}`);
          const found = classOf(error, flavor);
          const isAtLogin = serverState === "full" || serverState === "down";
          if (!isAtLogin) {
            const [isAlive, isInTransaction] = await outlived(mine);
            assert.deepEqual([!found.isLoss, !found.isLoss && !found.isRolledBack], [
              isAlive,
              isInTransaction,
            ]);
          }
          assert.equal(found.serverState, serverState);
          if (serverState === "readOnly") assert.equal(mine.condition, "broken");
        } finally {
          if (undo !== undefined) await server.query(undo);
          for (const session of [mine, other]) session.destroy(new Error("The test is over"));
        }
      },
    );
  }
}

test("a test provokes every row of the table, or gives a reason why not", () => {
  const provoked = new Set<unknown>([...cases.map(({ known }) => known), 1036, 1047]);
  const isAccounted = (row: unknown): boolean => provoked.has(row) || unprovoked.has(row);
  assert.deepEqual([...table.keys()].filter((row) => !isAccounted(row)), []);
});

/** Expects an error of a new MariaDB to make a session unusable; root may do more than `app`. */
async function assertUnfit(
  options: readonly string[],
  sql: string,
  errno: number,
  prepare: (server: Server) => Promise<unknown>,
): Promise<void> {
  await using server = await startServer({ flavor: "mariadb", options });
  await prepare(server);
  const session = await open(targetAt(server, { user: "root", password: "" }));
  const error: unknown = await run(session, sql).then(() => undefined, (e) => e);
  assert.equal(Object(error).errno, errno, String(error));
  assert.notEqual(classOf(error, "mariadb").serverState, undefined);
  assert.equal(session.condition, "broken");
  await session.check();
  await session.close();
}

test("mariadb: 1036 of a read-only server makes the session unusable", {
  skip: lackOf("mariadb") ?? false,
}, async () => {
  const sql = "UPDATE mysql.innodb_table_stats SET n_rows = 1";
  await assertUnfit(["--innodb-read-only"], sql, 1036, () => Promise.resolve());
});

test("mariadb: 1047 of a lost node makes a session unusable, though a ping works", {
  skip: lackOf("mariadb") ?? (existsSync(galera) ? false : "Galera cannot be had here"),
}, async () => {
  const options = [
    "--wsrep-on=ON",
    `--wsrep-provider=${galera}`,
    "--wsrep-cluster-address=gcomm://",
    "--wsrep-node-address=127.0.0.1",
    // The timeouts limit how long the node looks for its cluster.
    `--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:${await freePort()};` +
    "pc.wait_prim_timeout=PT1S;pc.announce_timeout=PT1S",
    "--binlog-format=ROW",
    "--log-bin",
  ];
  await assertUnfit(options, "SELECT * FROM test.t", 1047, async (server) => {
    await server.query("CREATE TABLE test.t (id INT PRIMARY KEY) ENGINE = InnoDB");
    const nowhere = `gcomm://127.0.0.1:${await freePort()}`;
    await server.query(`SET GLOBAL wsrep_cluster_address = '${nowhere}'`);
    await until(async () => {
      const [row] = await server.query("SHOW STATUS LIKE 'wsrep_ready'");
      return row?.["Value"] === "OFF";
    }, "the node has left");
  });
});

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = Object(listener.address());
  listener.close();
  return port;
}
