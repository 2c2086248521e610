/**
 * The server that programs run on, as root sees it: users and databases for programs that run in
 * parallel, the commands that the server received from each, and what each has left.
 */

import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { type Connection, createConnection } from "mysql2/promise";
import type { Flavor } from "../support/server_binary.ts";
import type { ReceivedCommand, WrittenRow } from "./history.ts";
import { deedIn } from "./history.ts";
import { commandIn } from "./log.ts";
import { lockOf, tables } from "./statements.ts";

/** How to reach a server and its log. */
export interface WorldAddress {
  /** The URL of the server for root. */
  readonly rootUrl: string;
  /** The path of the server's general log, which has to be on. */
  readonly logPath: string;
  readonly flavor: Flavor;
  /** The prefix of the names of users and databases. */
  readonly prefix: string;
}

/** The interval at which to count connections, in ms. */
const lookMs = 8;
/** A little more than how long InnoDB caches its list of transactions, in ms. */
const freshMs = 110;
const password = "secret";

/** A user of the server, and two databases of its own. */
export interface Site {
  readonly user: string;
  readonly databases: readonly [string, string];
  /** The URL that the pool connects to. */
  readonly url: string;
}

/** The server as root sees it. */
export class World implements AsyncDisposable {
  readonly address: WorldAddress;
  readonly #root: Connection;
  readonly #watcher: Connection;
  readonly #log: LogReader;
  readonly #peaks: Map<string, number> = new Map();
  readonly #watching: Promise<void>;
  #nextTransactions: Promise<ReadonlyMap<string, number>> | undefined;
  #transactionsLookedAt = -Infinity;
  #isOver = false;

  private constructor(address: WorldAddress, root: Connection, watcher: Connection) {
    this.address = address;
    this.#root = root;
    this.#watcher = watcher;
    this.#log = new LogReader(address.logPath);
    this.#watching = this.#watch();
  }

  /** Connects to a server as root. */
  static async open(address: WorldAddress): Promise<World> {
    const connect = async (): Promise<Connection> => {
      const connection = await createConnection(address.rootUrl);
      await connection.query("SET SESSION sql_log_off = 1");
      return connection;
    };
    const world = new World(address, await connect(), await connect());
    await world.#log.take("");
    return world;
  }

  /** The server's name of the variable of a session's isolation. */
  get isolationVariable(): string {
    return this.address.flavor === "mysql" ? "@@transaction_isolation" : "@@tx_isolation";
  }

  /** Creates a user and two databases. */
  async createSite(number: number): Promise<Site> {
    const user = `${this.address.prefix}${number}`;
    const databases = [`${user}_a`, `${user}_b`] as const;
    await this.#root.query(`CREATE USER '${user}'@'%' IDENTIFIED BY '${password}'`);
    for (const database of databases) {
      await this.#root.query(`CREATE DATABASE ${database}`);
      await this.#root.query(`GRANT ALL ON ${database}.* TO '${user}'@'%'`);
      await this.#root.query(`USE ${database}`);
      for (const sql of tables) await this.#root.query(sql);
    }
    const url = new URL(this.address.rootUrl);
    url.username = user;
    url.password = password;
    url.pathname = databases[0];
    return { user, databases, url: url.href };
  }

  /** Begins to observe a program at a site: discards the commands and the peak of earlier ones. */
  async begin({ user }: Site): Promise<void> {
    await this.#log.take(user);
    this.#peaks.set(user, 0);
  }

  /** Kills one of a site's open connections, if there is one. */
  async kill({ user }: Site, which: number): Promise<void> {
    const ids = await this.#connectionsOf(user);
    const id = ids[which % Math.max(1, ids.length)];
    if (id === undefined) return;
    await this.#root.query(`KILL ${id}`).catch((error: unknown) => {
      // The connection may have ended meanwhile.
      if (!(error instanceof Error && "errno" in error && error.errno === 1094)) throw error;
    });
  }

  /** Returns the most connections that a site had since {@linkcode begin}. */
  peakOf({ user }: Site): number {
    return this.#peaks.get(user) ?? 0;
  }

  /** Returns how many connections a site has. */
  async connectionCount({ user }: Site): Promise<number> {
    return (await this.#connectionsOf(user)).length;
  }

  /** Returns how many transactions and locks a program has left. */
  async leftOf({ user }: Site, program: number): Promise<{ transactions: number; locks: number }> {
    const { transactions } = this;
    const [rows] = await this.#root.query("SELECT IS_USED_LOCK(?) IS NOT NULL AS locks", [
      lockOf(program),
    ]);
    const [row] = rows as { locks: number }[];
    return { transactions: (await transactions).get(user) ?? 0, locks: Number(row?.locks) };
  }

  /**
   * How many transactions each user has. The next query answers all calls made before it, as
   * InnoDB returns a cached list to queries within a tenth of a second.
   */
  get transactions(): Promise<ReadonlyMap<string, number>> {
    return this.#nextTransactions ??= this.#lookAtTransactions();
  }

  /** Returns the rows that a program has written, in both databases. */
  async rowsOf({ databases }: Site, program: number): Promise<WrittenRow[]> {
    const [first, second] = databases.map((database) =>
      `SELECT mark, connection, current, '${database}' AS home FROM ${database}.log ` +
      `WHERE program = ${program}`
    );
    const [rows] = await this.#root.query(`${first} UNION ALL ${second}`);
    return (rows as (WrittenRow & { mark: string })[]).map(({ mark, ...row }) => ({
      ...row,
      deed: deedIn(`'${mark}'`) ?? -1,
      connection: Number(row.connection),
    }));
  }

  /** Returns the commands that the server received from a site since the last call. */
  commandsOf({ user }: Site): Promise<ReceivedCommand[]> {
    return this.#log.take(user);
  }

  /** Ends the counting, and closes all. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#watching;
    this.#root.destroy();
    this.#watcher.destroy();
    await this.#log.close();
  }

  async #connectionsOf(user: string): Promise<number[]> {
    const [rows] = await this.#root.query(
      "SELECT id FROM information_schema.processlist WHERE user = ? AND command <> 'Killed' " +
        "ORDER BY id",
      [user],
    );
    return (rows as { id: number }[]).map(({ id }) => Number(id));
  }

  async #lookAtTransactions(): Promise<ReadonlyMap<string, number>> {
    await sleep(Math.max(0, this.#transactionsLookedAt + freshMs - performance.now()));
    this.#nextTransactions = undefined;
    const [rows] = await this.#root.query(
      "SELECT p.user, COUNT(*) AS n FROM information_schema.innodb_trx AS t " +
        "JOIN information_schema.processlist AS p ON p.id = t.trx_mysql_thread_id GROUP BY p.user",
    );
    this.#transactionsLookedAt = performance.now();
    return countsIn(rows);
  }

  /** Records the peak of each site; a count has to be seen twice, so closing ones do not count. */
  async #watch(): Promise<void> {
    let before = new Map<string, number>();
    while (!this.#isOver) {
      const now = await this.#counts();
      let isMore = false;
      for (const [user, count] of now) {
        const peak = this.#peaks.get(user) ?? 0;
        const sure = Math.min(count, before.get(user) ?? 0);
        if (sure > peak) this.#peaks.set(user, sure);
        if (count > Math.max(peak, sure)) isMore = true;
      }
      before = now;
      await sleep(isMore ? 1 : lookMs);
    }
  }

  async #counts(): Promise<Map<string, number>> {
    const [rows] = await this.#watcher.query(
      "SELECT user, COUNT(*) AS n FROM information_schema.processlist " +
        "WHERE command <> 'Killed' AND user LIKE ? GROUP BY user",
      [`${this.address.prefix}%`],
    );
    return countsIn(rows);
  }
}

function countsIn(rows: unknown): Map<string, number> {
  return new Map((rows as { user: string; n: number }[]).map(({ user, n }) => [user, Number(n)]));
}

/** Reads a general log as it grows, and groups its commands by user. */
class LogReader {
  readonly #path: string;
  readonly #users: Map<number, string> = new Map();
  readonly #commands: Map<string, ReceivedCommand[]> = new Map();
  #file: Awaited<ReturnType<typeof open>> | undefined;
  #position = 0;
  #rest = "";
  #reading: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** Returns the commands that the server received from a user since the last call. */
  async take(user: string): Promise<ReceivedCommand[]> {
    this.#reading = this.#reading.then(() => this.#readOn());
    await this.#reading;
    const commands = this.#commands.get(user) ?? [];
    this.#commands.delete(user);
    return commands;
  }

  async close(): Promise<void> {
    await this.#reading;
    await this.#file?.close();
  }

  async #readOn(): Promise<void> {
    if (this.#file === undefined) {
      this.#file = await open(this.#path);
      this.#position = (await this.#file.stat()).size;
    }
    for (;;) {
      const buffer = new Uint8Array(1 << 18);
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#position);
      if (bytesRead === 0) return;
      this.#position += bytesRead;
      const lines = (this.#rest + new TextDecoder("latin1").decode(buffer.subarray(0, bytesRead)))
        .split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.#note(line);
    }
  }

  #note(line: string): void {
    const command = commandIn(line);
    if (command === undefined) return;
    const { thread } = command;
    const user = /^(?:Connect|Change user)$/.test(command.command)
      ? /^([^@\s]+)@/.exec(command.text)?.[1]
      : undefined;
    if (user !== undefined) this.#users.set(thread, user);
    const owner = this.#users.get(thread);
    if (owner === undefined) return;
    const commands = this.#commands.get(owner);
    if (commands === undefined) this.#commands.set(owner, [command]);
    else commands.push(command);
  }
}
