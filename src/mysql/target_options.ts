/**
 * The options that say where and as whom a session is opened: those of mysql2 that make sense
 * for one session of a pool, under mysql2's names, and a few of our own. Each has one rule.
 */

import { parseUri } from "./uri.ts";

/** The options of a connection of mysql2. */
export type ConnectionOptions = Exclude<
  Parameters<(typeof import("mysql2"))["createConnection"]>[0],
  string
>;

/** Options of mysql2 that a target takes as they are. */
export type DriverOptionName =
  | "authPlugins"
  | "authSwitchHandler"
  | "bigNumberStrings"
  | "charset"
  | "compress"
  | "connectAttributes"
  | "connectTimeout"
  | "database"
  | "dateStrings"
  | "debug"
  | "decimalNumbers"
  | "disableEval"
  | "enableCleartextPlugin"
  | "enableKeepAlive"
  | "host"
  | "infileStreamFactory"
  | "insecureAuth"
  | "jsonStrings"
  | "keepAliveInitialDelay"
  | "maxPreparedStatements"
  | "multipleStatements"
  | "namedPlaceholders"
  | "nestTables"
  | "password2"
  | "password3"
  | "passwordSha1"
  | "queryFormat"
  | "rowsAsArray"
  | "socketPath"
  | "stringifyObjects"
  | "supportBigNumbers"
  | "timezone"
  | "typeCast"
  | "user";

/**
 * What is run on each new session, and again after a reset, before it is used: statements, or a
 * function that gets the driver's connection and is awaited.
 */
export type InitSql =
  | string
  | readonly string[]
  | ((connection: ReturnType<(typeof import("mysql2"))["createConnection"]>) => unknown);

/** How strict to be about TLS; see {@linkcode TargetOptions.tls}. */
export type TlsMode = "prefer" | "require" | "verify";

/** A password, or what is asked for it before each login. */
export type Password = string | (() => string | Promise<string>);

/**
 * Where and as whom a session is opened.
 *
 * Names and meanings are those of mysql2's connection options, with these differences:
 * `password` may be a function, which is asked before each login; `connectTimeout` (ms, 10000
 * if not given, 0 for none) covers all until the session can be used, from that question on;
 * `keepAliveInitialDelay` (ms) is 30000 if not given; LOAD DATA LOCAL is refused unless
 * `infileStreamFactory` is given or `flags` names LOCAL_FILES, and the server gets no file but
 * that which the statement names; what `uri` says yields to what is said beside it.
 */
export type TargetOptions =
  & { readonly [Name in DriverOptionName]?: ConnectionOptions[Name] | undefined }
  & {
    /**
     * Where and as whom, as `mysql://user:password@host:port/database?option=value`. A function is
     * asked when the pool is created; with `lifespan: "unit"`, at the beginning of each unit.
     */
    readonly uri?: string | (() => string) | undefined;
    /** The port; 3306 if not given. */
    readonly port?: number | string | undefined;
    /** The password of the user. */
    readonly password?: Password | undefined;
    /** The same by its other name. */
    readonly password1?: Password | undefined;
    /**
     * How strict to be about TLS: "verify" encrypts, and verifies the server's certificate and
     * that it is for this host; "require" encrypts, and verifies a certificate only if `ssl.ca`
     * says by whom, or `ssl.verifyIdentity` asks for it; "prefer" does likewise, but goes on in
     * plain text if that fails. Unless given it is "verify" with `ssl`, else "require", and
     * nothing for a server on this machine.
     */
    readonly tls?: TlsMode | undefined;
    /** TLS, by Node's options or by the name of one of mysql2's profiles; none if false. */
    readonly ssl?: ConnectionOptions["ssl"] | false | undefined;
    /**
     * Whether, in plain text, the password may be sent under a key that the server has just
     * shown, by which it could be anybody's: true for a server on this machine, else false.
     * (The name is Connector/J's.)
     */
    readonly allowPublicKeyRetrieval?: boolean | undefined;
    /**
     * How many bytes of rows one statement may bring, as the server sends them; no limit unless
     * given. What exceeds it is ended at the server, as an abort does, and rejected with
     * `RESULT_TOO_LARGE`. That ends the actual connection for its unit: a transaction, or a unit
     * that has pinned it, then gets `CONNECTION_LOST` from its next statement and at its end.
     * Streams of a lease's connection have no limit: they keep no rows.
     */
    readonly maxResultBytes?: number | undefined;
    /** Flags of the protocol to use, or with a minus not to use. */
    readonly flags?: string | readonly string[] | undefined;
    /**
     * Functions of your own that neither change their session nor write, by the names by which
     * statements call them: "f" or "db.f". Any other call of a function that is not built in
     * costs a new login when the connection is released.
     *
     * @default []
     */
    readonly cleanFunctions?: readonly string[] | undefined;
    /** What is run on each new session, and again after a reset, before it is used. */
    readonly initSql?: InitSql | undefined;
  };

/** Names an option of a target. */
export type TargetOptionName = keyof TargetOptions;

/** An option of a target has a value that it does not take. */
export class TargetOptionError extends RangeError {
  /** The name of the class. */
  override readonly name = "TargetOptionError";
  /** The name of the option. */
  readonly option: string;
  /** What it takes. */
  readonly expected: string;

  /** Creates an error; the value itself may be a secret and is not told. */
  constructor(option: string, value: unknown, expected: string) {
    super(`Option ${option} must be ${expected}: received ${kindOf(value)}`);
    this.option = option;
    this.expected = expected;
  }
}

interface Rule {
  readonly expected: string;
  accepts(value: unknown): boolean;
}

const flag: Rule = { expected: "true or false", accepts: (value) => typeof value === "boolean" };
const text: Rule = { expected: "a string", accepts: (value) => typeof value === "string" };
const call: Rule = { expected: "a function", accepts: (value) => typeof value === "function" };
const record: Rule = { expected: "an object", accepts: isRecord };
/** The driver looks for a profile's name in an object that has what every object has. */
const profile: Rule = {
  expected: "the name of a profile",
  accepts: (value) => typeof value === "string" && !(value in Object.prototype),
};
const no: Rule = { expected: "false", accepts: (value) => value === false };
const anything: Rule = { expected: "anything", accepts: () => true };
const list: Rule = {
  expected: "an array of strings",
  accepts: (value) => Array.isArray(value) && value.every(text.accepts),
};
const duration: Rule = numberBetween(0, 2147483647, " of milliseconds");
const port: Rule = numberBetween(1, 65535);

function numberBetween(min: number, max: number, unit = ""): Rule {
  return {
    expected: `a number${unit} from ${min} to ${max}`,
    accepts: (value) => Number.isInteger(value) && Number(value) >= min && Number(value) <= max,
  };
}

/** Returns the rule that accepts what one of some others does. */
function either(...rules: readonly Rule[]): Rule {
  return {
    expected: rules.map(({ expected }) => expected).join(" or "),
    accepts: (value) => rules.some((rule) => rule.accepts(value)),
  };
}

const rules: Readonly<Record<TargetOptionName, Rule>> = {
  allowPublicKeyRetrieval: flag,
  authPlugins: record,
  authSwitchHandler: call,
  bigNumberStrings: flag,
  charset: text,
  cleanFunctions: list,
  compress: flag,
  connectAttributes: record,
  connectTimeout: duration,
  database: text,
  dateStrings: either(flag, list),
  debug: anything,
  decimalNumbers: flag,
  disableEval: flag,
  enableCleartextPlugin: flag,
  enableKeepAlive: flag,
  flags: either(text, list),
  host: text,
  infileStreamFactory: call,
  initSql: either(text, list, call),
  insecureAuth: flag,
  jsonStrings: flag,
  keepAliveInitialDelay: duration,
  maxPreparedStatements: numberBetween(1, 16000000),
  maxResultBytes: numberBetween(1, Number.MAX_SAFE_INTEGER, " of bytes"),
  multipleStatements: flag,
  namedPlaceholders: flag,
  nestTables: either(flag, text),
  password: either(text, call),
  password1: either(text, call),
  password2: text,
  password3: text,
  passwordSha1: anything,
  port: {
    expected: port.expected,
    accepts: (value) => port.accepts(typeof value === "string" ? Number(value) : value),
  },
  queryFormat: call,
  rowsAsArray: flag,
  socketPath: text,
  ssl: either(record, profile, no),
  stringifyObjects: flag,
  supportBigNumbers: flag,
  tls: {
    expected: '"prefer", "require" or "verify"',
    accepts: (value) => value === "prefer" || value === "require" || value === "verify",
  },
  timezone: {
    expected: 'local, Z, or an offset such as "+02:00"',
    accepts: (value) => typeof value === "string" && /^(?:local|Z|[ +-]\d\d:\d\d)$/.test(value),
  },
  typeCast: either(flag, call),
  uri: {
    expected: "mysql://user:password@host:port/database",
    accepts: (value) =>
      typeof value === "string" && /^(?:mysql2?|mariadb):\/\//i.test(value) && URL.canParse(value),
  },
  user: text,
};

/** The names of all options of a target. */
export const targetOptionNames: readonly TargetOptionName[] = Object.keys(
  rules,
) as TargetOptionName[];

/**
 * Returns options with `uri` replaced by what it says, where nothing else is said beside it.
 * What it has no name for is kept, so that options of a pool can be given in a URI as well.
 * Those that are null or undefined are left out.
 *
 * @throws {TargetOptionError} If `uri` is not one, or the options are no object.
 */
export function expandUri(options: object): Record<string, unknown> {
  if (!isRecord(options)) throw new TargetOptionError("options", options, "an object");
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined && value !== null),
  );
  const { uri: asked, ...rest } = given;
  if (asked === undefined) return rest;
  const uri: unknown = typeof asked === "function" ? asked() : asked;
  check("uri", uri);
  return { ...parseUri(new URL(String(uri))), ...rest };
}

/**
 * Returns the options of a target, all of them valid, `uri` replaced by what it says.
 *
 * @throws {TargetOptionError} If one is unknown, or has a value that it does not take.
 */
export function checkTargetOptions(options: object): TargetOptions {
  const expanded = expandUri(options);
  for (const [name, value] of Object.entries(expanded)) check(name, value);
  return expanded;
}

function check(name: string, value: unknown): void {
  const rule = Object.hasOwn(rules, name) ? rules[name as TargetOptionName] : undefined;
  if (rule === undefined) throw new TargetOptionError(name, value, "one that is known");
  if (!rule.accepts(value)) throw new TargetOptionError(name, value, rule.expected);
}

function isRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Says what a value is without telling it. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "number" || typeof value === "boolean") return `${typeof value} ${value}`;
  if (Array.isArray(value)) return "an array";
  return value === "" ? "an empty string" : `a value of type ${typeof value}`;
}
