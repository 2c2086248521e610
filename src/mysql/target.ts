/**
 * Where and as whom sessions are opened, resolved once from options and never changed.
 *
 * Two keys are computed when they are asked for: one tells targets apart, the other what a new
 * login on an open connection cannot change. Passwords take part in the first, and show in neither.
 */

import type { Address } from "../port.ts";
import { keyOfValue } from "./keys.ts";
import {
  checkTargetOptions,
  type ConnectionOptions,
  type InitSql,
  type Password,
  type TargetOptions,
} from "./target_options.ts";

/** What a login proves itself by. */
export interface Credentials {
  /** The password. */
  readonly password: string | undefined;
  /** The password of the second factor. */
  readonly password2: string | undefined;
  /** The password of the third factor. */
  readonly password3: string | undefined;
  /** The digest of the password, instead. */
  readonly passwordSha1: string | undefined;
}

/** Where and as whom sessions are opened. */
export class Target {
  /** Where the server is. */
  readonly address: Address;
  /** Who logs in. */
  readonly user: string | undefined;
  /** The database that is chosen at login. */
  readonly database: string | undefined;
  /** The collation that is named at login. */
  readonly charset: string;
  /** How long a connect may take, and the start of a session after it. */
  readonly connectTimeoutMs: number;
  /** What is run on each new session. */
  readonly initSql: Exclude<InitSql, string>;
  /** Whether the server's certificate, if it is verified, has to be for the name of the host. */
  readonly isNameVerified: boolean;
  readonly #options: TargetOptions;
  #key: string | undefined;
  #addressKey: string | undefined;

  /**
   * Resolves options.
   *
   * @throws {TargetOptionError} If one is unknown, or has a value that it does not take.
   */
  constructor(options: object) {
    const given = checkTargetOptions(options);
    this.#options = given;
    this.address = addressOf(given);
    this.user = given.user || undefined;
    this.database = given.database || undefined;
    this.charset = given.charset ?? "utf8mb4_unicode_ci";
    this.connectTimeoutMs = given.connectTimeout ?? 10_000;
    this.isNameVerified = this.address.socketPath === undefined && !isNameIgnored(given.ssl);
    this.initSql = typeof given.initSql === "string" ? [given.initSql] : given.initSql ?? [];
  }

  /** Equal for targets that share their actual connections. */
  get key(): string {
    if (this.#key === undefined) {
      const { user = "", database = "", charset, connectTimeoutMs, initSql } = this;
      const login = [loginOptions(this.#options), charset, connectTimeoutMs, initSql];
      const name = `${user}@${placeOf(this.address)}/${database}`;
      this.#key = `${name}#${keyOfValue([this.addressKey, login])}`;
    }
    return this.#key;
  }

  /** Equal for targets that a session can be changed between. */
  get addressKey(): string {
    if (this.#addressKey === undefined) {
      const fixed = keyOfValue([this.address, fixedOptions(this.#options)]);
      this.#addressKey = `${placeOf(this.address)}#${fixed}`;
    }
    return this.#addressKey;
  }

  /** Returns the target that some options make of this one: a database, a user, a host. */
  overlay(part: object): Target {
    const over = checkTargetOptions(part);
    const base: Record<string, unknown> = { ...this.#options };
    if (over.host !== undefined || over.port !== undefined) delete base["socketPath"];
    return new Target({ ...base, ...over });
  }

  /** Returns what a login proves itself by; asks for the password if that is a function. */
  async credentials(): Promise<Credentials> {
    const { password2, password3, passwordSha1 } = this.#options;
    const given = passwordOf(this.#options);
    const password = typeof given === "function" ? await given() : given;
    if (password !== undefined && typeof password !== "string") {
      throw new TypeError(`The password function must return a string, not ${typeof password}`);
    }
    return { password, password2, password3, passwordSha1 };
  }

  /** Returns the options of the driver, but for its stream and what proves the login. */
  driverOptions(): ConnectionOptions {
    const { flags, ssl, infileStreamFactory } = this.#options;
    const options: Record<string, unknown> = { ...fixedOptions(this.#options) };
    options["ssl"] = typeof ssl === "object" ? ownCopyOf(ssl) : ssl || undefined;
    options["flags"] = flagsOf(flags, infileStreamFactory !== undefined);
    const { user, database, charset, connectTimeoutMs, address } = this;
    const { host, port, socketPath } = address;
    return {
      ...options,
      ...(user === undefined ? {} : { user }),
      ...(database === undefined ? {} : { database }),
      ...(socketPath === undefined ? {} : { socketPath }),
      host,
      port,
      charset,
      connectTimeout: connectTimeoutMs,
      trace: false,
    };
  }
}

function addressOf(options: TargetOptions): Address {
  const keepAliveMs = options.keepAliveInitialDelay ?? 30_000;
  return {
    host: options.host || "localhost",
    port: Number(options.port ?? 3306),
    socketPath: options.socketPath || undefined,
    keepAliveMs: options.enableKeepAlive === false ? undefined : keepAliveMs,
    isSecured: Boolean(options.ssl),
  };
}

function placeOf({ host, port, socketPath }: Address): string {
  return socketPath ?? `${host}:${port}`;
}

/** What says who logs in and what is done then. */
const loginNames: ReadonlySet<string> = new Set([
  "charset",
  "connectTimeout",
  "database",
  "initSql",
  "password",
  "password1",
  "password2",
  "password3",
  "passwordSha1",
  "user",
]);

/** What says where the server is, which {@linkcode Address} tells. */
const addressNames: ReadonlySet<string> = new Set([
  "enableKeepAlive",
  "host",
  "keepAliveInitialDelay",
  "port",
  "socketPath",
]);

/** Returns the options that stay with a connection as long as it is open. */
function fixedOptions(options: TargetOptions): object {
  return pick(options, (name) => !loginNames.has(name) && !addressNames.has(name));
}

function loginOptions(options: TargetOptions): object {
  const { password2, password3, passwordSha1, user, database } = options;
  return { password: passwordOf(options), password2, password3, passwordSha1, user, database };
}

function pick(options: TargetOptions, isWanted: (name: string) => boolean): object {
  return Object.fromEntries(Object.entries(options).filter(([name]) => isWanted(name)));
}

function passwordOf({ password, password1 }: TargetOptions): Password | undefined {
  return password ?? password1;
}

/** Where LOCAL INFILE is on, a server may ask for any file: it is off unless asked for. */
function flagsOf(flags: TargetOptions["flags"], isInfileWanted: boolean): string[] {
  const list = typeof flags === "string" ? flags.toUpperCase().split(/\s*,+\s*/) : flags ?? [];
  const isOn = isInfileWanted || list.includes("LOCAL_FILES");
  return isOn ? [...list] : [...list, "-LOCAL_FILES"];
}

function isNameIgnored(ssl: TargetOptions["ssl"]): boolean {
  return typeof ssl === "object" && ssl.verifyIdentity === false;
}

const ownCopies: WeakMap<object, object> = new WeakMap();

/** The driver writes into the object, and keeps a parsed form of its certificates by identity. */
function ownCopyOf(ssl: object): object {
  const known = ownCopies.get(ssl);
  if (known !== undefined) return known;
  // The driver takes an IP address for "localhost"; names are verified after it.
  const copy = { ...ssl, verifyIdentity: false };
  ownCopies.set(ssl, copy);
  return copy;
}
