/**
 * The servers of a lab. The lab starts each one at its first use, and restores its first state
 * after each test.
 */

import type { Flavor } from "../../support/server_binary.ts";
import { type Server, startServer } from "../../support/server.ts";
import { until } from "../../support/wait.ts";

/**
 * A server: MariaDB or MySQL with TLS; "plain": MariaDB without TLS; "stranger": MariaDB with a
 * certificate of an authority that no client trusts.
 */
export type ServerName = Flavor | "plain" | "stranger";

/** The address and the certificates of a server. */
export interface ServerInfo {
  /** Its address. */
  readonly host: string;
  /** Its port. */
  readonly port: number;
  /** The URI of the user `app` and the database `test`. */
  readonly url: string;
  /** The path of its unix socket. */
  readonly socketPath: string;
  /** The certificate of the authority that signed its own; empty for a server without TLS. */
  readonly ca: string;
  /** A certificate that this authority has signed. */
  readonly cert: string;
  /** The private key of that certificate. */
  readonly key: string;
}

/** A row of a result, as JSON carries it. */
export type PlainRow = Record<string, string | number | null>;

/** The settings of a server that a test may change, with their first values. */
const settings = "max_connections = 151, wait_timeout = 28800";

/** The servers, which tests use and observe as root. */
export class Servers {
  readonly #servers: Map<ServerName, Promise<Server>> = new Map();
  /** The servers that the present test has used. */
  readonly #used: Set<ServerName> = new Set();

  /** Returns the address and the certificates of a server. */
  async info(name: ServerName): Promise<ServerInfo> {
    const server = await this.get(name);
    const { host, port, socketPath = "", ca = "", cert = "", key = "" } = server;
    return { host, port, url: server.url(), socketPath, ca, cert, key };
  }

  /** Runs a statement as root. */
  async query(name: ServerName, sql: string, values?: unknown[]): Promise<PlainRow[]> {
    return await (await this.get(name)).query<PlainRow>(sql, values);
  }

  /** Creates a table in the database `test`, and drops an older one of that name. */
  async createTable(name: ServerName, table: string, columns: string): Promise<void> {
    const server = await this.get(name);
    await server.query(`DROP TABLE IF EXISTS test.${table}`);
    await server.query(`CREATE TABLE test.${table} (${columns}) CHARACTER SET utf8mb4`);
  }

  /** Returns a status variable of the server, as a number. */
  async status(name: ServerName, variable: string): Promise<number> {
    return await (await this.get(name)).status(variable);
  }

  /** Returns the server's ids of the pools' connections, or only of the busy ones. */
  async threads(name: ServerName, { areBusy = false } = {}): Promise<number[]> {
    const rows = await (await this.get(name)).query<Record<string, unknown>>(
      "SHOW FULL PROCESSLIST",
    );
    return rows.filter(({ User }) => User !== "root" && User !== "event_scheduler")
      .filter(({ Command, Info }) => !areBusy || isBusy(Command, Info))
      .map(({ Id }) => Number(Id));
  }

  /** Waits until the server runs a statement of a pool, and returns the id of its connection. */
  async busyThread(name: ServerName): Promise<number> {
    return await until(
      async () => (await this.threads(name, { areBusy: true }))[0],
      "the server is at a statement",
    );
  }

  /** Waits until the server has so many connections, except the lab's own. */
  async awaitCount(name: ServerName, count: number): Promise<void> {
    const server = await this.get(name);
    await until(
      async () => await server.connectionCount() === count,
      `the server has ${count} connections`,
    );
  }

  /** Ends a server by SIGKILL, as a power failure would. */
  async kill(name: ServerName): Promise<void> {
    await (await this.get(name)).kill();
  }

  /** Ends a server by SIGTERM, as its operator would. */
  async stop(name: ServerName): Promise<void> {
    await (await this.get(name)).stop();
  }

  /** Starts a server that has ended, or ends it and starts it again. */
  async restart(name: ServerName): Promise<void> {
    await (await this.get(name)).restart();
  }

  /** Freezes a server by SIGSTOP. */
  async freeze(name: ServerName): Promise<void> {
    (await this.get(name)).freeze();
  }

  /** Lets a server go on after {@linkcode freeze}. */
  async thaw(name: ServerName): Promise<void> {
    (await this.get(name)).thaw();
  }

  /** Returns a server; starts it at its first use. */
  get(name: ServerName): Promise<Server> {
    this.#used.add(name);
    const found = this.#servers.get(name);
    if (found !== undefined) return found;
    const server = startServer({
      flavor: name === "mysql" ? "mysql" : "mariadb",
      tls: name !== "plain",
    });
    this.#servers.set(name, server);
    return server;
  }

  /** Restores the first state of the servers; throws if one still has a connection. */
  async tidy(): Promise<void> {
    const used = [...this.#used];
    this.#used.clear();
    for (const name of used) {
      const server = await this.get(name);
      if (server.pid === undefined) await server.restart();
      else server.thaw();
      await this.awaitCount(name, 0);
      for (const setting of settings.split(", ")) await server.query(`SET GLOBAL ${setting}`);
    }
    this.#used.clear();
  }

  /** Ends all servers. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers.values()) await (await server).remove();
  }
}

/** Tells whether a connection runs a statement, except the pool's own at a login. */
function isBusy(command: unknown, info: unknown): boolean {
  const isRunning = command === "Query" || command === "Execute";
  return isRunning && info !== null && !String(info).startsWith("SET SESSION session_track");
}
