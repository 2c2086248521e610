/** Reads a server's address from a URI, which may contain options as well. */

/** The values of `ssl-mode` in MySQL's own clients, and the options that they mean. */
const sslModes: ReadonlyMap<string, object> = new Map<string, object>([
  ["disable", { ssl: false }],
  ["disabled", { ssl: false }],
  ["preferred", { tls: "prefer" }],
  ["required", { tls: "require" }],
  ["verify_ca", { tls: "verify", ssl: { verifyIdentity: false } }],
  ["verify_identity", { tls: "verify" }],
]);

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
    host: uri.hostname.replace(/^\[(.*)\]$/, "$1"),
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
