/** Faults of a server: by signals, and by commands of its operator. */

import type { Server } from "../support/server.ts";
import { type Fault, nothingLeft, type Scene, waitTimeoutS } from "./faults.ts";

/** The limit of a full server: the lowest `max_connections` that MariaDB accepts. */
const connectionLimit = 10;
const connectionsMaxUsual = 151;

/** Returns the thread ids of client connections, or of the busy ones only. */
export async function threadsOf(server: Server, areBusy = false): Promise<number[]> {
  const rows = await server.query<Record<string, unknown>>("SHOW FULL PROCESSLIST");
  return rows.filter(({ User, Info }) => User === "app" && (!areBusy || Info !== null))
    .map(({ Id }) => Number(Id));
}

/** Kills connections, or their statements; ignores connections that have ended meanwhile. */
async function killEach(server: Server, what: string, threads: readonly number[]): Promise<void> {
  for (const thread of threads) {
    await server.query(`KILL ${what} ${thread}`).catch((error: { errno?: unknown }) => {
      if (error.errno !== 1094) throw error;
    });
  }
}

/** Kills all connections of clients, so that the pool has to open new ones. */
export async function killAll(server: Server): Promise<void> {
  await killEach(server, "CONNECTION", await threadsOf(server));
}

/** Sets `wait_timeout` at a server that has just started. */
export async function setTimeouts(server: Server): Promise<void> {
  await server.query(`SET GLOBAL wait_timeout = ${waitTimeoutS}`);
}

async function back({ server }: Scene): Promise<void> {
  await server.restart();
  await setTimeouts(server);
}

/** Changes a setting, then calls `follows`; returns the function that changes it back. */
async function changed(
  { server }: Scene,
  there: string,
  back: string,
  follows: (server: Server) => Promise<void>,
): Promise<() => Promise<void>> {
  await server.query(there);
  await follows(server);
  return async () => void await server.query(back);
}

/** Does nothing: open connections stay open. */
const none = (): Promise<void> => Promise.resolve();

/** The faults of servers. */
export const serverFaults: readonly Fault[] = [
  {
    kind: "crash",
    lastsMs: [0, 300],
    begin: async (scene) => {
      await scene.server.kill();
      return () => back(scene);
    },
  },
  {
    kind: "shutdown",
    lastsMs: [0, 300],
    begin: async (scene) => {
      await scene.server.stop();
      return () => back(scene);
    },
  },
  {
    kind: "standstill",
    lastsMs: [100, 600],
    begin: ({ server }) => {
      server.freeze();
      return () => server.thaw();
    },
  },
  {
    kind: "kill",
    lastsMs: [0, 0],
    begin: async ({ server }, chance) => {
      const threads = await threadsOf(server);
      await killEach(server, "CONNECTION", threads.filter(() => chance.next() < 0.5));
      return nothingLeft;
    },
  },
  {
    kind: "kill query",
    lastsMs: [0, 0],
    begin: async ({ server }) => {
      await killEach(server, "QUERY", await threadsOf(server, true));
      return nothingLeft;
    },
  },
  {
    kind: "full",
    lastsMs: [100, 500],
    begin: (scene) =>
      changed(
        scene,
        `SET GLOBAL max_connections = ${connectionLimit}`,
        `SET GLOBAL max_connections = ${connectionsMaxUsual}`,
        killAll,
      ),
  },
  {
    kind: "full for user",
    lastsMs: [100, 500],
    begin: (scene) =>
      changed(
        scene,
        "ALTER USER app WITH MAX_USER_CONNECTIONS 2",
        "ALTER USER app WITH MAX_USER_CONNECTIONS 0",
        killAll,
      ),
  },
  {
    kind: "read only",
    lastsMs: [50, 300],
    begin: (scene) =>
      changed(scene, "SET GLOBAL read_only = ON", "SET GLOBAL read_only = OFF", none),
  },
  {
    kind: "password changed",
    lastsMs: [50, 300],
    begin: (scene) =>
      changed(
        scene,
        "ALTER USER app IDENTIFIED BY 'another'",
        "ALTER USER app IDENTIFIED BY 'secret'",
        killAll,
      ),
  },
];

/** The faults that only MySQL can have. */
export const mysqlFaults: readonly Fault[] = [
  {
    kind: "offline",
    lastsMs: [50, 300],
    begin: (scene) =>
      changed(scene, "SET GLOBAL offline_mode = ON", "SET GLOBAL offline_mode = OFF", none),
  },
];
