/** Reads a server's address from a URI, which may contain options as well. */

import { withoutBrackets } from "./loopback.ts";

/** The values of `ssl-mode` in MySQL's own clients, and the options that they mean. */
const sslModes: ReadonlyMap<string, object> = new Map<string, object>([
  ["disable", { ssl: false }],
  ["disabled", { ssl: false }],
  ["preferred", { tls: "prefer" }],
  ["required", { tls: "require" }],
  ["verify_ca", { tls: "verify", ssl: { verifyIdentity: false } }],
  ["verify_identity", { tls: "verify" }],
]);

/** The form that a URI must have, for errors. */
export const uriForm = "mysql://user:password@host:port/database";

/** Tells whether a value is a URL object, also one of another realm. */
export function isUrl(value: unknown): value is URL {
  return Object.prototype.toString.call(value) === "[object URL]";
}

/**
 * Returns what is wrong with the text of a URI, if anything: characters of the user or password
 * that end that part of a URI and are not encoded, or a "%" that encodes nothing.
 */
export function faultOf(text: string): string | undefined {
  const advice = "with user and password encoded by encodeURIComponent";
  if (!URL.canParse(text)) return `${uriForm}, ${advice}`;
  const { hash, hostname, password, pathname, search, searchParams, username } = new URL(text);
  const part = [username, password, hostname, pathname].find((part) => !isDecodable(part));
  if (part !== undefined) return `${uriForm}, ${advice} (a "%" is "%25")`;
  // Behind a "/", "?" or "#" of a password, an "@" shows that the host is further on.
  const isCut = pathname.includes("@") || (pathname === "" && search.includes("@")) ||
    [...searchParams.keys()].some((name) => name.includes("@"));
  if (!isCut && !hash) return undefined;
  return `${uriForm}, ${advice} ("/" is "%2F", "?" is "%3F", "#" is "%23", "@" is "%40")`;
}

function isDecodable(part: string): boolean {
  try {
    decodeURIComponent(part);
    return true;
  } catch (error) {
    if (error instanceof URIError) return false;
    throw error;
  }
}

/** Reads a URI as mysql2 does: options follow a question mark; values may be JSON. */
export function parseUri(uri: URL): Record<string, unknown> {
  // The object inherits nothing, so that every name, even `__proto__`, is that of an option.
  const options: Record<string, unknown> = Object.create(null);
  for (const [name, value] of uri.searchParams) {
    // MySQL's own clients use this name, and so does Hyperdrive.
    const mode = /^ssl-?mode$/.test(name) ? sslModes.get(value.toLowerCase()) : undefined;
    if (mode !== undefined) Object.assign(options, mode);
    else options[name] = parseValue(value);
  }
  const parts = {
    host: withoutBrackets(uri.hostname),
    port: uri.port,
    database: uri.pathname.slice(1),
    user: uri.username,
    password: uri.password,
  };
  for (const [name, value] of Object.entries(parts)) {
    delete options[name];
    if (value !== "") options[name] = decodeURIComponent(value);
  }
  return options;
}

function parseValue(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch (error) {
    if (error instanceof SyntaxError) return value;
    throw error;
  }
}
