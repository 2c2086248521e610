/**
 * A real server for tests and for the demo, with a root connection that observes a pool from the
 * server's side. If no server can be started, `MYSQL_URL` may name one.
 */

import { readFileSync } from "node:fs";
import process from "node:process";
import { type Connection, createConnection } from "mysql2/promise";
import type { Certificates } from "./certificate.ts";
import { type Flavor, mysqlBinary, serverBinary } from "./server_binary.ts";
import { host, password, ServerProcess } from "./server_process.ts";

/** How {@linkcode startServer} starts a server. */
export interface ServerOptions {
  /** The flavor of the server; by default the installed one, MariaDB rather than MySQL. */
  readonly flavor?: Flavor;
  /** Further options on its command line, such as `--max-connections=20`. */
  readonly options?: readonly string[];
  /** Whether the server offers TLS, with certificates made for it. */
  readonly tls?: boolean;
}

/**
 * Starts a throwaway server with a database `test`, a user `root` without password, and a user
 * `app`, password `secret`, with all rights on databases and none on the server. The server ends
 * with this process, however this process ends; `await using` or `remove` ends it sooner.
 */
export async function startServer(serverOptions: ServerOptions = {}): Promise<Server> {
  const { flavor, options = [], tls = false } = serverOptions;
  const binary = flavor === "mysql" ? mysqlBinary() : serverBinary();
  if (flavor !== undefined && binary?.flavor !== flavor) {
    throw new Error(`There is no ${flavor} here`);
  }
  if (binary !== undefined) return new Server(await ServerProcess.create(binary, options, tls));
  const url = process.env["MYSQL_URL"];
  if (url === undefined) {
    throw new Error(
      "Cannot start a server: neither mariadbd nor mysqld is on the path, and apt cannot install " +
        "one here. Install MariaDB or MySQL, or name one: MYSQL_URL=mysql://user:password@host",
    );
  }
  if (options.length > 0 || tls) {
    throw new Error(`Cannot start the server of MYSQL_URL with ${[...options, "TLS"].join(" ")}`);
  }
  return new Server(new URL(url));
}

/** A server that runs, or can be restarted. */
export class Server implements AsyncDisposable {
  readonly #process: ServerProcess | undefined;
  readonly #given: URL | undefined;
  #observer: Promise<Connection> | undefined;

  /** Creates a server from a process that we started, or from the URL of another server. */
  constructor(source: ServerProcess | URL) {
    if (source instanceof ServerProcess) this.#process = source;
    else this.#given = source;
  }

  /** The address it listens at. */
  get host(): string {
    return this.#given?.hostname ?? host;
  }

  /** The port that the server listens at, also after restarts. */
  get port(): number {
    return this.#process?.port ?? Number(this.#given?.port || 3306);
  }

  /** The path of its unix socket; undefined for the server of MYSQL_URL. */
  get socketPath(): string | undefined {
    return this.#process?.socketPath;
  }

  /** Its process id; undefined while it is down, and for the server of MYSQL_URL. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** The certificate that a client has to trust, if the server has TLS. */
  get ca(): string | undefined {
    return this.#pem("ca");
  }

  /** Its own certificate, which the same authority has signed, if the server has TLS. */
  get cert(): string | undefined {
    return this.#pem("cert");
  }

  /** The private key of its certificate. */
  get key(): string | undefined {
    return this.#pem("key");
  }

  /** The URL of root. */
  get rootUrl(): string {
    return this.url("root", "");
  }

  /**
   * Returns the URL of a user and a database, by default `app` and `test`. The password is `secret`
   * for every user except root. For the server of MYSQL_URL, the user is always that of MYSQL_URL.
   */
  url(user = "app", database = "test"): string {
    const url = new URL(this.#given ?? `mysql://${host}:${this.port}`);
    if (this.#given === undefined) {
      url.username = user;
      url.password = user === "root" ? "" : password;
    }
    url.pathname = database;
    return url.href;
  }

  /** Runs a statement as root, on the observer's connection, which opens on demand. */
  async query<Row = Record<string, unknown>>(sql: string, values?: unknown[]): Promise<Row[]> {
    this.#observer ??= this.#observe();
    const [rows] = await (await this.#observer).query(sql, values);
    return Array.isArray(rows) ? rows as Row[] : [];
  }

  /** Returns a status variable of the server, as a number. */
  async status(name: string): Promise<number> {
    const [row] = await this.query<{ Value: string }>(
      "SHOW GLOBAL STATUS WHERE Variable_name = ?",
      [
        name,
      ],
    );
    if (row === undefined) throw new RangeError(`The server knows no status variable ${name}`);
    return Number(row.Value);
  }

  /** Returns how many connections the server has, except the observer's. */
  async connectionCount(): Promise<number> {
    return await this.status("Threads_connected") - 1;
  }

  /** Ends the server by SIGTERM, as its operator would; fulfilled when it has ended. */
  async stop(): Promise<void> {
    await this.#own("stop").end("SIGTERM");
  }

  /** Ends the server by SIGKILL, as a crash would; fulfilled when it has ended. */
  async kill(): Promise<void> {
    await this.#own("kill").end("SIGKILL");
  }

  /** Freezes the server with its sockets open, like a swapping host or a cut network. */
  freeze(): void {
    this.#own("freeze").freeze();
  }

  /** Lets the server continue after {@linkcode freeze}. */
  thaw(): void {
    this.#own("thaw").thaw();
  }

  /** Ends the server if it runs, and starts it on the same port and data. */
  async restart(): Promise<void> {
    const own = this.#own("restart");
    await own.end("SIGTERM");
    await own.start();
  }

  /** Ends the server and removes its files. */
  async remove(): Promise<void> {
    const observer = await this.#observer?.catch(() => undefined);
    observer?.destroy();
    await this.#process?.remove();
  }

  /** Does as {@linkcode remove}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }

  #pem(name: keyof Certificates): string | undefined {
    const path = this.#process?.certificates?.[name];
    return path && readFileSync(path, "utf8");
  }

  #own(verb: string): ServerProcess {
    if (this.#process !== undefined) return this.#process;
    throw new Error(`Cannot ${verb} a server that is not ours, but was given by MYSQL_URL`);
  }

  async #observe(): Promise<Connection> {
    const forget = (): void => {
      this.#observer = undefined;
    };
    try {
      const connection = await createConnection({ uri: this.rootUrl, dateStrings: true });
      connection.on("error", forget).on("end", forget);
      // A test may lower wait_timeout; the server must not end this session.
      await connection.query("SET SESSION wait_timeout = 28800");
      return connection;
    } catch (error) {
      forget();
      throw error;
    }
  }
}
