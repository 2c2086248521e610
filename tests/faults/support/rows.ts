/** The outcomes that the users of a pool get for each fault, in one table. */

import { createConnection } from "mysql2/promise";
import type { Fault, Scene } from "../../chaos/faults.ts";
import { networkFaults, replace, strangers } from "../../chaos/network_faults.ts";
import { killAll, mysqlFaults, serverFaults } from "../../chaos/server_faults.ts";
import type { Flavor } from "../../support/server_binary.ts";

/** The server and the network of a fault, without a client process. */
export type Place = Pick<Scene, "server" | "proxy">;

/** When a request gets its outcome. */
export type When =
  /** At once, while the fault lasts. */
  | "at once"
  /** Only after the fault has ended. */
  | "when it ends"
  /** Either. */
  | "any time";

/** A fault, and the outcomes that the users of a pool get. */
export interface Row {
  /** The name of the fault. */
  readonly kind: string;
  /** Begins the fault; returns the function that ends it. */
  readonly begin: Fault["begin"];
  /** The codes or numbers of errors; the running statement gets one of them. */
  readonly busy: readonly (string | number)[];
  /** The same for an idle transaction, when its code continues. */
  readonly idle: readonly (string | number)[];
  /** The same for waiters. */
  readonly line: readonly (string | number)[];
  /** When the running statement and the waiters get their outcome. */
  readonly when: When;
  /** The only server with this fault, if not both. */
  readonly flavor?: Flavor;
}

const served = ["served"];
const lost = ["PROTOCOL_CONNECTION_LOST", "ECONNRESET", "EPIPE", "CONNECTION_LOST"];
const failed = ["CONNECT_FAILED"];

const faults = [...networkFaults, ...serverFaults, ...mysqlFaults];

/** Returns the `begin` of a fault of the bank. */
function beginningOf(kind: string): Fault["begin"] {
  const fault = faults.find((each) => each.kind === kind);
  if (fault === undefined) throw new RangeError(`There is no fault ${kind}`);
  return fault.begin;
}

function row(kind: string, told: Omit<Row, "kind" | "begin">): Row {
  return { kind, begin: beginningOf(kind), ...told };
}

const killed: Row = {
  kind: "all are killed",
  begin: async ({ server }) => {
    await killAll(server);
    return () => undefined;
  },
  busy: lost,
  idle: lost,
  line: served,
  when: "at once",
};

/** How many connections a full server has: the lowest limit that MariaDB accepts. */
const roomMin = 10;

const noRoom: Row = {
  kind: "others have all the room",
  begin: async ({ server }) => {
    const others = Array.from({ length: roomMin - 1 }, () => createConnection(server.rootUrl));
    await Promise.all(others);
    await server.query(`SET GLOBAL max_connections = ${roomMin}`);
    await killAll(server);
    return async () => {
      for (const other of others) (await other).destroy();
      await server.query("SET GLOBAL max_connections = 151");
    };
  },
  busy: lost,
  idle: lost,
  line: served,
  when: "any time",
};

/** Faults in which another program listens in place of the server. */
const replaced: readonly Row[] = Object.entries(strangers).map(([name, greet]) => ({
  kind: `a stranger ${name}`,
  begin: (place) => replace(place, greet),
  busy: lost,
  idle: lost,
  line: failed,
  when: "any time",
}));

/** Every row. */
export const rows: readonly Row[] = [
  ...replaced,
  row("latency", { busy: served, idle: served, line: served, when: "any time" }),
  row("bandwidth", { busy: served, idle: served, line: served, when: "any time" }),
  row("stall", { busy: served, idle: served, line: served, when: "when it ends" }),
  row("silence", { busy: lost, idle: lost, line: served, when: "when it ends" }),
  row("reset", { busy: lost, idle: lost, line: served, when: "at once" }),
  row("finish", { busy: lost, idle: lost, line: served, when: "at once" }),
  row("crash", { busy: lost, idle: lost, line: failed, when: "at once" }),
  row("shutdown", {
    busy: [...lost, "served", 1053, 1317],
    idle: [...lost, 1053],
    // MySQL lets SLEEP return early here too, so a waiter may be served, or lose its connection.
    line: [...failed, ...lost, "served", 1053],
    when: "any time",
  }),
  row("standstill", { busy: served, idle: served, line: served, when: "when it ends" }),
  // MySQL lets SLEEP return early.
  row("kill query", { busy: ["served", 1317], idle: served, line: served, when: "at once" }),
  killed,
  noRoom,
  row("read only", { busy: ["served", 1290], idle: [1290], line: served, when: "any time" }),
  row("password changed", { busy: lost, idle: lost, line: [1045], when: "at once" }),
  // The server closes connections that are logging in without an error.
  row("offline", {
    busy: lost,
    idle: lost,
    line: [...failed, 3032],
    when: "at once",
    flavor: "mysql",
  }),
];
