/**
 * The world of a test: its runtime, its server as root sees it, and its pools, which are drained
 * when the test ends or fails.
 */

import { createPool, type Pool, type PoolOptions } from "../../../mod.ts";
import type { Runtime } from "../../../src/port/socket.ts";
import type { Flavor } from "../../support/server_binary.ts";
import { until } from "../../support/wait.ts";
import type { LabProxyOptions, ListeningProxy } from "../lab/network.ts";
import type { PlainRow, ServerInfo } from "../lab/servers.ts";
import { labAt, type RemoteLab } from "./remote.ts";

/** How long the pools of a test may take to drain, in ms, before they destroy connections. */
const drainMsMax = 2_000;

/** Opens the world of a test in a runtime, on a server if it needs one. */
export async function openWorld(
  runtime: Runtime,
  labUrl: string,
  flavor: Flavor | undefined,
): Promise<World> {
  const lab = labAt(labUrl);
  const info = flavor === undefined ? undefined : await lab.servers.info(flavor);
  return new World(runtime, lab, flavor, info);
}

/** The world of one test. */
export class World implements AsyncDisposable {
  /** The runtime it runs in. */
  readonly runtime: Runtime;
  /** The servers, the network and the processes, which it controls. */
  readonly lab: RemoteLab;
  readonly #flavor: Flavor | undefined;
  readonly #info: ServerInfo | undefined;
  readonly #pools: Pick<Pool<"main">, "drain">[] = [];

  /** Creates a world; use {@linkcode openWorld}. */
  constructor(
    runtime: Runtime,
    lab: RemoteLab,
    flavor: Flavor | undefined,
    info: ServerInfo | undefined,
  ) {
    this.runtime = runtime;
    this.lab = lab;
    this.#flavor = flavor;
    this.#info = info;
  }

  /** The server. */
  get server(): RemoteServer {
    if (this.#flavor === undefined || this.#info === undefined) {
      throw new Error("This test is declared to need no server");
    }
    return new RemoteServer(this.lab, this.#flavor, this.#info);
  }

  /** Creates a pool for the server, or for the one in its options. */
  pool<const Name extends string = "main">(options: PoolOptions<Name> = {}): Pool<Name> {
    const uri = options.uri ?? this.server.info.url;
    // If sockets belong to a request, a test is one request, and its pools live no longer.
    const db = createPool<Name>({ lifespan: "pool", shared: false, ...options, uri });
    this.#pools.push(db);
    return db;
  }

  /** Starts a proxy before the server. */
  async proxy(options: LabProxyOptions = {}): Promise<ListeningProxy> {
    return await this.lab.network.openProxy(this.server.name, options);
  }

  /** Ends all pools of the test. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#pools.map((db) => db.drain({ timeout: drainMsMax })));
  }
}

/** The server of a test, as root sees it. */
export class RemoteServer {
  /** Its name in the lab. */
  readonly name: Flavor;
  /** Its address and its certificates. */
  readonly info: ServerInfo;
  readonly #servers: RemoteLab["servers"];

  /** Creates it; use {@linkcode World.server}. */
  constructor({ servers }: RemoteLab, name: Flavor, info: ServerInfo) {
    this.#servers = servers;
    this.name = name;
    this.info = info;
  }

  /** Runs a statement as root. */
  query(sql: string, values?: unknown[]): Promise<PlainRow[]> {
    return this.#servers.query(this.name, sql, values);
  }

  /** Creates a table in the database `test`, and drops an older one of that name. */
  table(table: string, columns: string): Promise<void> {
    return this.#servers.createTable(this.name, table, columns);
  }

  /** Returns the numbers in the column `v` of a table. */
  async values(table: string): Promise<unknown[]> {
    const rows = await this.query(`SELECT v FROM test.${table} ORDER BY v`);
    return rows.map(({ v }) => v);
  }

  /** Returns a status variable, as a number. */
  status(variable: string): Promise<number> {
    return this.#servers.status(this.name, variable);
  }

  /** Returns its ids of the pools' connections. */
  threads(): Promise<number[]> {
    return this.#servers.threads(this.name);
  }

  /** Returns its ids of the pools' connections that run a statement. */
  busyThreads(): Promise<number[]> {
    return this.#servers.threads(this.name, { areBusy: true });
  }

  /** Waits until it runs a statement of a pool, and returns the id of its connection. */
  busyThread(): Promise<number> {
    return this.#servers.busyThread(this.name);
  }

  /**
   * Waits until it has no connection except this one: the connection that kills statements closes
   * a moment after the next request is served, and MariaDB closes a socket before it counts the
   * connection out.
   */
  async awaitOnly(thread: number): Promise<void> {
    await until(
      async () => (await this.threads()).every((other) => other === thread),
      `the server has no connection but ${thread}`,
    );
  }

  /** Waits until it has so many connections. */
  count(count: number): Promise<void> {
    return this.#servers.awaitCount(this.name, count);
  }

  /** Ends it by SIGKILL. */
  kill(): Promise<void> {
    return this.#servers.kill(this.name);
  }

  /** Ends it by SIGTERM. */
  stop(): Promise<void> {
    return this.#servers.stop(this.name);
  }

  /** Starts it again, over the same data. */
  restart(): Promise<void> {
    return this.#servers.restart(this.name);
  }

  /** Freezes it by SIGSTOP. */
  freeze(): Promise<void> {
    return this.#servers.freeze(this.name);
  }

  /** Lets it go on after {@linkcode freeze}. */
  thaw(): Promise<void> {
    return this.#servers.thaw(this.name);
  }
}
