/** What those who use a pool are told when something befalls it, in one table. */

import { createConnection } from "mysql2/promise";
import type { Fault, Scene } from "../../chaos/faults.ts";
import { networkFaults, replace, strangers } from "../../chaos/network_faults.ts";
import { killAll, mysqlFaults, serverFaults } from "../../chaos/server_faults.ts";
import type { Flavor } from "../../support/server_binary.ts";

/** Where a fault of these begins: without a client of its own. */
export type Place = Pick<Scene, "server" | "proxy">;

/** When somebody is told. */
export type When =
  /** While it lasts, at once. */
  | "at once"
  /** Not before it has ended. */
  | "when it ends"
  /** Either, as it happens. */
  | "any time";

/** What befalls a pool, and what its users are told. */
export interface Row {
  /** What it is called. */
  readonly kind: string;
  /** Lets it begin; returns what ends it. */
  readonly begin: Fault["begin"];
  /** The codes, or numbers, one of which whoever runs a statement is told. */
  readonly busy: readonly (string | number)[];
  /** Those of whoever holds a transaction in which nothing runs, when it goes on. */
  readonly idle: readonly (string | number)[];
  /** Those of whoever waits. */
  readonly line: readonly (string | number)[];
  /** When whoever runs a statement, and whoever waits, is told. */
  readonly when: When;
  /** The only server that it befalls. */
  readonly flavor?: Flavor;
}

const served = ["served"];
const lost = ["PROTOCOL_CONNECTION_LOST", "ECONNRESET", "EPIPE", "CONNECTION_LOST"];
const failed = ["CONNECT_FAILED"];

const faults = [...networkFaults, ...serverFaults, ...mysqlFaults];

/** Returns what lets a fault of the bank begin. */
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

/** How many connections a full server has: the fewest that MariaDB can be told. */
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

/** Servers that another program has taken the place of. */
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
    // MySQL lets SLEEP return early here too, so that who waits may be served, or half so.
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
  // Who is just being let in is turned out without a reason.
  row("offline", {
    busy: lost,
    idle: lost,
    line: [...failed, 3032],
    when: "at once",
    flavor: "mysql",
  }),
];
