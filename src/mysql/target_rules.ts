/** The values that the options of a target take: one rule for each option. */

import { isCharset } from "./charset.ts";
import type { TargetOptionName, TargetOptions } from "./target_options.ts";
import { faultOf, isUrl, parseUri, uriForm } from "./uri.ts";

/** An option of a target is unknown, or has a value that it does not take. */
export class TargetOptionError extends RangeError {
  /** The name of the class. */
  override readonly name = "TargetOptionError";
  /** The name of the option. */
  readonly option: string;
  /** What the option takes. */
  readonly expected: string;

  /** Creates an error whose message shows no string, as that may be a secret. */
  constructor(option: string, value: unknown, expected: string) {
    const hint = option === "uri" && (value ?? "") === "" ? unset : "";
    super(`Option ${option} must be ${expected}: received ${kindOf(value)}${hint}`);
    this.option = option;
    this.expected = expected;
  }
}

/** Why a URI is missing, most likely. */
const unset = "; is an environment variable, such as DATABASE_URL, not set?";

interface Rule {
  readonly expected: string;
  accepts(value: unknown): boolean;
}

const flag: Rule = { expected: "true or false", accepts: (value) => typeof value === "boolean" };
const text: Rule = { expected: "a string", accepts: (value) => typeof value === "string" };
const call: Rule = { expected: "a function", accepts: (value) => typeof value === "function" };
const record: Rule = { expected: "an object", accepts: isRecord };
/** The driver looks the name up in an object that inherits the properties of every object. */
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

/** Returns a rule that accepts a value if one of some rules does. */
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
  bigint: {
    expected: '"string", "bigint" or "number"',
    accepts: (value) => value === "string" || value === "bigint" || value === "number",
  },
  bigNumberStrings: flag,
  charset: {
    expected: "a character set or a collation of clients that mysql2 knows, such as utf8mb4",
    accepts: (value) => typeof value === "string" && isCharset(value),
  },
  cleanFunctions: list,
  cleanHidden: flag,
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
    expected: uriForm,
    accepts: (value) => typeof value === "string" && /^(?:mysql2?|mariadb):\/\//i.test(value),
  },
  user: text,
};

/** The names of all options of a target. */
export const targetOptionNames: readonly TargetOptionName[] = Object.keys(
  rules,
) as TargetOptionName[];

/**
 * Returns options with `uri` replaced by the options in it, which the other options override.
 * Keeps names that are no options of a target, so that a URI can contain options of a pool too.
 * Leaves out options that are null or undefined.
 *
 * @throws {TargetOptionError} If `uri` is no such URI, if it is unset and nothing else says where
 *   the server is, or if `options` is no object.
 */
export function expandUri(options: object): Record<string, unknown> {
  if (!isRecord(options)) throw new TargetOptionError("options", options, "an object");
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined && value !== null),
  );
  checkUriSet(options, given);
  const { uri: asked, ...rest } = given;
  if (asked === undefined) return rest;
  const called: unknown = typeof asked === "function" ? asked() : asked;
  const uri = isUrl(called) ? called.href : called;
  check("uri", uri);
  checkUriText(String(uri));
  return { ...parseUri(new URL(String(uri))), ...rest };
}

/**
 * Throws if `uri` is unset where options name it, and neither `host` nor `socketPath` is set: the
 * server would be this machine, which nobody has asked for.
 */
export function checkUriSet(options: object, { uri, host, socketPath }: TargetOptions): void {
  if (!("uri" in options) || uri || host || socketPath) return;
  throw new TargetOptionError("uri", options.uri, uriForm);
}

/** Throws if a URI cannot be read, or is cut short by a character that must be encoded. */
export function checkUriText(uri: string): void {
  const fault = faultOf(uri);
  if (fault !== undefined) throw new TargetOptionError("uri", uri, fault);
}

/**
 * Checks the options of a target, and returns them with `uri` replaced by the options in it.
 *
 * @throws {TargetOptionError} If an option is unknown, or has a value that it does not take.
 */
export function checkTargetOptions(options: object): TargetOptions {
  const expanded = expandUri(options);
  for (const [name, value] of Object.entries(expanded)) check(name, value);
  return expanded;
}

function check(name: string, value: unknown): void {
  const rule = Object.hasOwn(rules, name) ? rules[name as TargetOptionName] : undefined;
  if (rule === undefined) throw new TargetOptionError(name, value, "a known option");
  if (!rule.accepts(value)) throw new TargetOptionError(name, value, rule.expected);
}

function isRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Describes a value without showing a string. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "number" || typeof value === "boolean") return `${typeof value} ${value}`;
  if (Array.isArray(value)) return "an array";
  return value === "" ? "an empty string" : `a value of type ${typeof value}`;
}
