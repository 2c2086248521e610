/**
 * A target: the server and the user of sessions, resolved once from options and never changed.
 *
 * A target computes two keys on demand: `key` tells targets apart, `addressKey` covers what a new
 * login on an open connection cannot change. Passwords take part in `key`, but show in neither.
 */

import type { Address } from "../port/socket.ts";
import { bigIntegerOptionsOf } from "./big_integers.ts";
import { keyOfValue } from "./keys.ts";
import { withoutBrackets } from "./loopback.ts";
import type { InitSql, TargetOptions } from "./target_options.ts";
import { checkTargetOptions } from "./target_rules.ts";
import { type TlsDemand, tlsDemandOf } from "./tls.ts";

/** The server and the user of sessions. */
export class Target {
  /** Where the server is. */
  readonly address: Address;
  /** The user that logs in. */
  readonly user: string | undefined;
  /** The database that a login selects. */
  readonly database: string | undefined;
  /** The collation or character set that a login names. */
  readonly charset: string;
  /** How long it may take to connect and to set the session up. */
  readonly connectTimeoutMs: number;
  /** What the pool runs on each new session. */
  readonly initSql: Exclude<InitSql, string>;
  /** Functions that, as the options say, leave nothing in their session. */
  readonly cleanFunctions: readonly string[];
  /** Whether, as the options say, triggers and views that the user may not see leave nothing. */
  readonly cleanHidden: boolean;
  readonly #tls: TlsDemand | undefined;
  readonly #options: TargetOptions;
  #key: string | undefined;
  #addressKey: string | undefined;

  /**
   * Resolves options.
   *
   * @throws {TargetOptionError} If an option is unknown, has a value that it does not take, or
   *   contradicts another.
   */
  constructor(options: object) {
    const { password1: password, ...given } = checkTargetOptions(options);
    this.#options = { password, ...given };
    this.#tls = tlsDemandOf(given);
    bigIntegerOptionsOf(given);
    this.address = addressOf(given, this.#tls !== undefined);
    this.user = given.user || undefined;
    this.database = given.database || undefined;
    this.charset = given.charset ?? "utf8mb4_unicode_ci";
    this.connectTimeoutMs = given.connectTimeout ?? 10_000;
    this.cleanFunctions = given.cleanFunctions ?? [];
    this.cleanHidden = given.cleanHidden ?? false;
    this.initSql = typeof given.initSql === "string" ? [given.initSql] : given.initSql ?? [];
  }

  /** The demand for TLS, if there is one; a getter, so that a printed target shows no keys. */
  get tls(): TlsDemand | undefined {
    return this.#tls;
  }

  /** The options of the target; a getter, so that a printed target shows no password. */
  get options(): TargetOptions {
    return this.#options;
  }

  /** The options that a connection keeps as long as it is open. */
  get fixedOptions(): object {
    return Object.fromEntries(
      Object.entries(this.#options).filter(([name]) => !changing.has(name)),
    );
  }

  /** Equal for targets that share their actual connections. */
  get key(): string {
    if (this.#key === undefined) {
      const { user = "", database = "", charset, connectTimeoutMs, initSql } = this;
      const clean = [this.cleanFunctions, this.cleanHidden];
      const { password, password2, password3, passwordSha1 } = this.#options;
      const proof = [password, password2, password3, passwordSha1];
      const login = [user, database, proof, charset, connectTimeoutMs, initSql, clean];
      const name = `${user}@${placeOf(this.address)}/${database}`;
      this.#key = `${name}#${keyOfValue([this.addressKey, login])}`;
    }
    return this.#key;
  }

  /** Equal for targets between which a new login can move a session. */
  get addressKey(): string {
    if (this.#addressKey === undefined) {
      const fixed = keyOfValue([this.address, this.fixedOptions]);
      this.#addressKey = `${placeOf(this.address)}#${fixed}`;
    }
    return this.#addressKey;
  }

  /** Where it is and as whom it logs in, for error messages. */
  get description(): string {
    return `${placeOf(this.address)} as ${JSON.stringify(this.user ?? "")}`;
  }

  /** Returns this target with some options replaced: a database, a user, a host. */
  overrides(part: object): Target {
    const over = checkTargetOptions(part);
    const base: Record<string, unknown> = { ...this.#options };
    if (over.host !== undefined || over.port !== undefined) delete base["socketPath"];
    return new Target({ ...base, ...over });
  }
}

function addressOf(options: TargetOptions, isSecured: boolean): Address {
  const keepAliveMs = options.keepAliveInitialDelay ?? 30_000;
  return {
    host: withoutBrackets(options.host || "localhost"),
    port: Number(options.port ?? 3306),
    socketPath: options.socketPath || undefined,
    keepAliveMs: options.enableKeepAlive === false ? undefined : keepAliveMs,
    isSecured,
  };
}

function placeOf({ host, port, socketPath }: Address): string {
  return socketPath ?? `${host}:${port}`;
}

/** Options that a new login can change, and those that {@linkcode Address} covers. */
const changing: ReadonlySet<string> = new Set([
  "charset",
  "cleanFunctions",
  "cleanHidden",
  "connectTimeout",
  "database",
  "initSql",
  "password",
  "password2",
  "password3",
  "passwordSha1",
  "user",
  "enableKeepAlive",
  "host",
  "keepAliveInitialDelay",
  "port",
  "socketPath",
]);
