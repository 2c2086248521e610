/**
 * Tells whether a host is this machine, by its name alone: a connection to it never leaves the
 * machine, so the pool does without TLS unless the options ask for it.
 */

/** Names of this machine (RFC 6761), and Hyperdrive: inside Cloudflare's network, without TLS. */
const localName = /^(?:(?:[^.]+\.)*localhost|[^.]+\.hyperdrive\.local)$/;
/** 127.0.0.0/8, also in its short forms, such as 127.1. */
const loopback4 = /^127(?:\.\d{1,3}){1,3}$/;
/** ::1, and 127.0.0.0/8 as IPv6, in the one way that a URL writes them. */
const loopback6 = /^\[::(?:1|ffff:7f[\da-f]{2}:[\da-f]{1,4})\]$/;

/** Returns an IPv6 address without the brackets of a URI; any other host as it is. */
export function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

/**
 * Returns whether a host is this machine in one of the spellings that resolvers take.
 *
 * @param host A name or an address; an IPv6 address may stand in brackets.
 */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  if (localName.test(name) || loopback4.test(name)) return true;
  return name.includes(":") && loopback6.test(canonical6(name));
}

/** Returns an IPv6 address as a URL writes it, or an empty text for what is none. */
function canonical6(address: string): string {
  const bare = withoutBrackets(address);
  const url = `http://[${bare}]/`;
  return /^[\da-f:.]+$/.test(bare) && URL.canParse(url) ? new URL(url).hostname : "";
}
