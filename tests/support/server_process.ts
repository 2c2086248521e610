/**
 * A server process that we start: a data folder, a free port on loopback, and the process, which
 * can be ended and started again on the same data.
 */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { createConnection } from "mysql2/promise";
import { type Certificates, makeCertificates } from "./certificate.ts";
import { Keeper } from "./keeper.ts";
import { find, type ServerBinary } from "./server_binary.ts";
import { until } from "./wait.ts";

const run = promisify(execFile);

/** The address that servers listen at. */
export const host = "127.0.0.1";
/** The password of all users except root, who has none. */
export const password = "secret";

/** Runs at each start, one statement per line: creates the users and the database. */
const initSql = `
CREATE USER IF NOT EXISTS 'root'@'${host}';
GRANT ALL ON *.* TO 'root'@'${host}' WITH GRANT OPTION;
CREATE DATABASE IF NOT EXISTS test;
CREATE USER IF NOT EXISTS 'app'@'%' IDENTIFIED BY '${password}';
GRANT ALL ON \`%\`.* TO 'app'@'%';
`.trimStart();

/** Returns the state of each thread of a process; empty on systems without /proc. */
function threadsOf(pid: number): string[] {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return [];
  return readdirSync(tasks).map((task) => {
    const status = readFileSync(`${tasks}/${task}/status`, "utf8");
    return /^State:\s*(.*)$/m.exec(status)?.[1] ?? "";
  });
}

/** A server process and its data. */
export class ServerProcess {
  readonly #binary: ServerBinary;
  readonly #options: readonly string[];
  readonly #folder: string;
  readonly #keeper: Keeper;
  readonly #certificates: Certificates | undefined;
  #child: ChildProcess | undefined;
  #exited: Promise<unknown> = Promise.resolve();
  #port = 0;

  private constructor(
    binary: ServerBinary,
    options: readonly string[],
    folder: string,
    keeper: Keeper,
    certificates: Certificates | undefined,
  ) {
    this.#binary = binary;
    this.#options = options;
    this.#folder = folder;
    this.#keeper = keeper;
    this.#certificates = certificates;
  }

  /** Creates a data folder and starts a server on it, at a free port. */
  static async create(
    binary: ServerBinary,
    options: readonly string[],
    tls: boolean,
  ): Promise<ServerProcess> {
    const folder = await mkdtemp(join(tmpdir(), "sublet-server-"));
    const keeper = new Keeper(folder);
    try {
      await mkdir(join(folder, "temporary"));
      await createData(binary, folder);
      await writeFile(join(folder, "init.sql"), initSql);
      const certificates = tls ? await makeCertificates(folder) : undefined;
      const server = new ServerProcess(binary, options, folder, keeper, certificates);
      await server.#startOnFreePort();
      return server;
    } catch (error) {
      await keeper.release();
      throw error;
    }
  }

  /** The port that the server listens at, also after restarts. */
  get port(): number {
    return this.#port;
  }

  /** The path of its unix socket. */
  get socketPath(): string {
    return join(this.#folder, "socket");
  }

  /** The paths of its certificates, if it has some. */
  get certificates(): Certificates | undefined {
    return this.#certificates;
  }

  /** The process id, if it runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the server at its port; fulfilled when it answers. */
  async start(): Promise<void> {
    if (this.#child !== undefined) throw new Error(`The server runs already, as ${this.pid}`);
    const log = openSync(join(this.#folder, "log"), "a");
    const child = spawn(this.#binary.path, this.#arguments(), {
      // In its own process group, as a terminal sends Ctrl-C to the whole group.
      detached: true,
      env: environment(this.#folder),
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    child.unref();
    this.#child = child;
    this.#keeper.watch(child.pid);
    const failure = new AbortController();
    this.#exited = once(child, "exit").then(([status, signal]) => {
      this.#child = undefined;
      this.#keeper.watch(undefined);
      failure.abort(new Error(`The server ended with ${signal ?? status}`));
    });
    try {
      await until(() => this.#answers(), "the server answers", {
        timeoutMs: 60_000,
        intervalMs: 20,
        signal: failure.signal,
      });
    } catch (error) {
      const lines = (await readFile(join(this.#folder, "log"), "utf8")).trim().split("\n");
      const tail = lines.slice(-12).join("\n");
      throw new Error(`Cannot start ${this.#binary.path}; its log ends with:\n${tail}`, {
        cause: error,
      });
    }
  }

  /** Freezes the process; when this returns, none of its threads runs. */
  freeze(): void {
    const { pid } = this.#running("freeze");
    process.kill(pid, "SIGSTOP");
    while (threadsOf(pid).some((state) => !/^[TtZX]/.test(state)));
  }

  /** Lets the process continue. */
  thaw(): void {
    process.kill(this.#running("thaw").pid, "SIGCONT");
  }

  /** Ends the process, if it runs, by a signal; fulfilled when it has ended. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    if (this.#child === undefined) return;
    this.#child.ref();
    // A frozen process reacts to no signal except SIGKILL.
    if (signal === "SIGTERM") this.thaw();
    this.#child.kill(signal);
    await this.#exited;
  }

  /** Ends the process and removes its folder. */
  async remove(): Promise<void> {
    await this.end("SIGKILL");
    await this.#keeper.release();
  }

  #running(verb: string): { pid: number } {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`Cannot ${verb} a server that has ended`);
    return { pid };
  }

  async #startOnFreePort(): Promise<void> {
    for (let attempt = 1;; attempt++) {
      this.#port = await freePort();
      try {
        return await this.start();
      } catch (error) {
        // Another process may have taken the port meanwhile.
        if (attempt === 3 || !/address already in use/i.test(String(error))) throw error;
      }
    }
  }

  async #answers(): Promise<boolean> {
    const connection = await createConnection({ host, port: this.#port, user: "root" });
    await connection.end();
    return true;
  }

  #arguments(): string[] {
    const { ca, cert, key } = this.#certificates ?? {};
    return [
      "--no-defaults",
      ...asRoot(),
      `--datadir=${join(this.#folder, "data")}`,
      `--init-file=${join(this.#folder, "init.sql")}`,
      `--socket=${this.socketPath}`,
      `--pid-file=${join(this.#folder, "pid")}`,
      `--port=${this.#port}`,
      `--bind-address=${host}`,
      "--skip-name-resolve",
      "--skip-log-bin",
      "--max-allowed-packet=64M",
      "--innodb-buffer-pool-size=64M",
      "--innodb-flush-log-at-trx-commit=0",
      ...(ca === undefined ? [] : [`--ssl-ca=${ca}`, `--ssl-cert=${cert}`, `--ssl-key=${key}`]),
      ...(this.#binary.flavor === "mysql" ? ["--mysqlx=OFF", "--performance-schema=OFF"] : []),
      ...this.#options,
    ];
  }
}

async function createData(binary: ServerBinary, folder: string): Promise<void> {
  const options = ["--no-defaults", `--datadir=${join(folder, "data")}`, ...asRoot()];
  const env = environment(folder);
  if (binary.flavor === "mysql") {
    await run(binary.path, [...options, "--initialize-insecure"], { env });
    return;
  }
  const program = find("mariadb-install-db") ?? find("mysql_install_db");
  if (program === undefined) throw new Error("Cannot find mariadb-install-db beside mariadbd");
  const more = ["--auth-root-authentication-method=normal", "--skip-test-db"];
  await run(program, [...options, ...more], { env });
}

/**
 * Gives each server its own folder for temporary tables: at its start a server removes files that
 * look like leftover ones, and in a shared folder these belong to other servers.
 */
function environment(folder: string): NodeJS.ProcessEnv {
  return { ...process.env, TMPDIR: join(folder, "temporary") };
}

/** Returns the option without which a server refuses to run as root. */
function asRoot(): string[] {
  return process.getuid?.() === 0 ? ["--user=root"] : [];
}

async function freePort(): Promise<number> {
  const listener = createServer();
  listener.listen(0, host);
  await once(listener, "listening");
  const address = listener.address();
  listener.close();
  await once(listener, "close");
  if (address === null || typeof address === "string") throw new Error("Cannot find a free port");
  return address.port;
}
