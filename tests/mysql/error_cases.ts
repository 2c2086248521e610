/** How tests provoke each error of the table on a real server. */

import type { Flavor, ServerState } from "../../src/mysql/errors.ts";
import { endless } from "../support/asking.ts";
import type { Server } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { open, run, targetAt, type TestSession } from "./fixture.ts";

/** The server and the sessions with which a test provokes an error. */
export interface Place {
  /** The server. */
  readonly server: Server;
  /** A session in a transaction that has written a row. */
  readonly mine: TestSession;
  /** Another session, outside of any transaction. */
  readonly other: TestSession;
}

/** An error, and how a test provokes it. */
export interface Case {
  /** The servers that have this error. */
  readonly on: readonly Flavor[];
  /** The error's number, or its code. */
  readonly known: number | string;
  /** Provokes the error, and rejects with it. */
  readonly provoke: (place: Place) => Promise<unknown>;
  /** The statement that restores the server. */
  readonly undo?: string;
  /** The state of the server that the error shows. */
  readonly serverState?: ServerState;
}

const both: readonly Flavor[] = ["mariadb", "mysql"];
const blocking = ["BEGIN", "UPDATE t SET v = 2 WHERE id = 1"];

/** Rows that no test provokes, and why. */
export const unprovoked: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [1206, "InnoDB gives up on locks only when they fill half a gigabyte of pages"],
  [1836, "MySQL says it when it is started to read only, and then can make no users for a test"],
  ["EPIPE", "it is a race between a statement and the end of its connection"],
]);

/** The errors. */
export const cases: readonly Case[] = [
  // Errors of the statement alone, which are not in the table.
  { on: both, known: 1062, provoke: ({ mine }) => run(mine, "INSERT INTO t VALUES (1, 1)") },
  { on: both, known: 1064, provoke: ({ mine }) => run(mine, "SELEKT") },
  { on: both, known: 1146, provoke: ({ mine }) => run(mine, "SELECT * FROM nowhere") },
  { on: both, known: 1049, provoke: ({ mine }) => run(mine, "USE nowhere") },
  {
    on: both,
    known: 1317,
    provoke: ({ server, mine }) =>
      whileBusy(server, mine, () => server.query(`KILL QUERY ${mine.threadId}`)),
  },
  { on: ["mariadb"], known: 1969, provoke: statementTime("max_statement_time = 0.05") },
  { on: ["mysql"], known: 3024, provoke: statementTime("max_execution_time = 50") },
  {
    on: both,
    known: 1461,
    provoke: async ({ server, mine }) => {
      await server.query("SET GLOBAL max_prepared_stmt_count = 0");
      await run(mine, "SELECT ? + 1", [1], true);
    },
    undo: "SET GLOBAL max_prepared_stmt_count = 16382",
  },
  {
    on: both,
    known: 1205,
    provoke: async ({ mine, other }) => {
      for (const sql of blocking) await run(other, sql);
      await run(mine, "SET SESSION innodb_lock_wait_timeout = 1");
      await run(mine, "UPDATE t SET v = 3 WHERE id = 1");
    },
  },
  {
    on: ["mysql"],
    known: 3572,
    provoke: async ({ mine, other }) => {
      for (const sql of blocking) await run(other, sql);
      await run(mine, "SELECT * FROM t WHERE id = 1 FOR UPDATE NOWAIT");
    },
  },
  { on: both, known: 1213, provoke: deadlock },
  {
    on: ["mariadb"],
    known: 1020,
    provoke: async ({ mine, other }) => {
      await run(mine, "SET SESSION innodb_snapshot_isolation = ON");
      await run(mine, "SELECT * FROM t");
      await run(other, "UPDATE t SET v = 4 WHERE id = 1");
      await run(mine, "UPDATE t SET v = 5 WHERE id = 1");
    },
  },
  {
    on: both,
    known: 1290,
    provoke: async ({ server, mine }) => {
      await server.query("SET GLOBAL read_only = ON");
      await run(mine, "INSERT INTO t VALUES (7, 7)");
    },
    undo: "SET GLOBAL read_only = OFF",
    serverState: "readOnly",
  },
  // Errors that end the connection.
  {
    on: both,
    known: 1153,
    provoke: ({ mine }) => run(mine, `SELECT LENGTH('${"x".repeat(100_000)}')`),
  },
  { on: ["mariadb"], known: 1927, provoke: ({ mine }) => run(mine, `KILL ${mine.threadId}`) },
  {
    on: both,
    known: "PROTOCOL_CONNECTION_LOST",
    provoke: ({ server, mine }) =>
      whileBusy(server, mine, () => server.query(`KILL ${mine.threadId}`)),
  },
  {
    on: both,
    known: "PROTOCOL_SEQUENCE_TIMEOUT",
    provoke: async ({ mine }) => {
      const options = { timeout: 50 };
      await mine.run({ sql: endless, values: [], isPrepared: false, options }, undefined);
    },
  },
  {
    on: both,
    known: "ETIMEDOUT",
    provoke: async ({ server, mine }) => {
      server.freeze();
      try {
        await mine.check();
      } finally {
        server.thaw();
      }
    },
  },
  {
    on: both,
    known: "ECONNABORTED",
    provoke: async ({ server, mine }) => {
      await whileBusy(server, mine, async () => {
        mine.driver.destroy();
        await server.query(`KILL ${mine.threadId}`);
      });
    },
  },
  { on: ["mysql"], known: 4031, provoke: idleTooLong },
  { on: ["mariadb"], known: "ECONNRESET", provoke: idleTooLong },
  // Errors of a login.
  {
    on: both,
    known: 1040,
    provoke: ({ server }) => openMany(server, "SET GLOBAL max_connections = 10"),
    undo: "SET GLOBAL max_connections = 151",
    serverState: "full",
  },
  {
    on: both,
    known: 1203,
    provoke: ({ server }) => openMany(server, "SET GLOBAL max_user_connections = 4"),
    undo: "SET GLOBAL max_user_connections = 100",
    serverState: "full",
  },
  {
    on: both,
    known: 1226,
    provoke: ({ server }) => openMany(server, "ALTER USER app WITH MAX_USER_CONNECTIONS 4"),
    undo: "ALTER USER app WITH MAX_USER_CONNECTIONS 0",
    serverState: "full",
  },
  {
    on: ["mysql"],
    known: 3032,
    provoke: ({ server }) => openMany(server, "SET GLOBAL offline_mode = ON"),
    undo: "SET GLOBAL offline_mode = OFF",
    serverState: "down",
  },
  // The errors that end a server come last.
  {
    on: ["mysql"],
    known: 1053,
    provoke: ({ server, mine }) => whileBusy(server, mine, () => server.stop()),
    serverState: "down",
  },
  {
    on: both,
    known: "ECONNREFUSED",
    provoke: async ({ server }) => {
      await server.kill();
      await open(targetAt(server));
    },
    serverState: "down",
  },
];

/** Runs an endless statement in a session, and calls `act` once the server runs it. */
async function whileBusy(
  server: Server,
  session: TestSession,
  act: () => Promise<unknown>,
): Promise<void> {
  const answer = run(session, endless);
  const outcome = Promise.allSettled([answer]);
  await until(async () => {
    const rows = await server.query("SHOW FULL PROCESSLIST");
    return rows.some(({ Info }) => String(Info).startsWith("SELECT COUNT"));
  }, "the server is at it");
  await act();
  await outcome;
  await answer;
}

function statementTime(setting: string): Case["provoke"] {
  return async ({ mine }) => {
    await run(mine, `SET SESSION ${setting}`);
    await run(mine, endless);
  };
}

/** Provokes a deadlock, whose victim is `mine`, as `other` has written more. */
async function deadlock({ mine, other }: Place): Promise<void> {
  await run(other, "BEGIN");
  await run(other, "INSERT INTO own VALUES (2), (3), (4), (5), (6)");
  await run(other, "UPDATE t SET v = 9 WHERE id = 2");
  await run(mine, "UPDATE t SET v = 9 WHERE id = 1");
  const [answer] = await Promise.allSettled([
    run(mine, "UPDATE t SET v = 8 WHERE id = 2"),
    run(other, "UPDATE t SET v = 8 WHERE id = 1"),
  ]);
  await run(other, "ROLLBACK");
  if (answer.status === "rejected") throw answer.reason;
}

async function idleTooLong({ mine }: Place): Promise<void> {
  await run(mine, "SET SESSION wait_timeout = 1");
  await until(() => !mine.isAlive, "the server has ended it");
  await run(mine, "SELECT 1");
}

async function openMany(server: Server, limit: string): Promise<void> {
  await server.query(limit);
  const opened: TestSession[] = [];
  try {
    for (let count = 0; count < 20; count++) opened.push(await open(targetAt(server)));
  } finally {
    await Promise.all(opened.map((session) => session.close()));
  }
}
