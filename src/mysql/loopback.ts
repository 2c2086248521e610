/**
 * Tells whether a host is this machine, by its name alone: a connection to it never leaves the
 * machine, so the pool does without TLS unless the options ask for it.
 */

/** Names of this machine (RFC 6761), and Hyperdrive: inside Cloudflare's network, without TLS. */
const localName = /^(?:(?:[^.]+\.)*localhost|[^.]+\.hyperdrive\.local)$/;
/** 127.0.0.0/8, ::1, and 127.0.0.0/8 as IPv6, in the one way that a URL writes each. */
const loopback = /^(?:127(?:\.\d+){3}|\[::(?:1|ffff:7f[\da-f]{2}:[\da-f]{1,4})\])$/;

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
  const name = host.toLowerCase();
  return localName.test(name.replace(/\.$/, "")) || loopback.test(canonical(name));
}

/** Returns an address as a URL writes it (127.1 as 127.0.0.1), or an empty text for any other. */
function canonical(address: string): string {
  const bare = withoutBrackets(address);
  const url = bare.includes(":") ? `http://[${bare}]/` : `http://${bare}/`;
  const isAddress = /^[\da-fx.:]+$/.test(bare) && !bare.endsWith(".");
  return isAddress && URL.canParse(url) ? new URL(url).hostname : "";
}
