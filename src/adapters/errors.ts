/**
 * Socket errors in Node's form, so that code which reads `code` and `syscall` works on every
 * runtime. The runtime's own error is the `cause`. An option that a runtime's sockets do not
 * support is an error, so that no connection is less secure than its options say.
 */

import type { Address, Runtime, TlsOptions } from "../port/socket.ts";

/** The action on a socket that failed. */
export type Action = "connect" | "read" | "write" | "shutdown";

/** The names of the runtimes in messages. */
const titles: Readonly<Record<Runtime, string>> = {
  node: "Node",
  deno: "Deno",
  bun: "Bun",
  workerd: "Cloudflare Workers",
};

/** Returns the code of an error, if it has a string as code, as Node's errors do. */
export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

/** Returns the error of a socket; `address` is given if the socket could not connect to it. */
export function socketError(
  action: Action,
  code: string,
  cause: unknown,
  address?: Address,
): Error {
  const isLookup = code === "ENOTFOUND" || code === "EAI_AGAIN";
  const syscall = isLookup ? "getaddrinfo" : action;
  const place = address === undefined ? {} : placeOf(address, isLookup);
  const message = [syscall, code, Object.values(place).join(":")].join(" ").trim();
  const errno = errnoOf(cause);
  return Object.assign(
    new Error(message, cause === undefined ? undefined : { cause }),
    { code, syscall, ...place, ...(errno === undefined ? {} : { errno }) },
  );
}

/** Returns the error of a stream that was destroyed. */
export function destroyedError(): Error {
  return Object.assign(new Error("The stream was destroyed"), { code: "ERR_STREAM_DESTROYED" });
}

/** Returns the error of a write after the end; `hasPeerEnded`: the server ended first. */
export function endedError(hasPeerEnded: boolean): Error {
  if (hasPeerEnded) return socketError("write", "EPIPE", undefined);
  return Object.assign(new Error("write after end"), { code: "ERR_STREAM_WRITE_AFTER_END" });
}

/** Returns the error for a feature that a runtime's sockets do not support. */
export function unsupported(runtime: Runtime, what: string, advice: string): Error {
  const error = new Error(`The sockets of ${titles[runtime]} do not support ${what}: ${advice}`);
  return Object.assign(error, { code: "ERR_OPTION_UNSUPPORTED" });
}

function placeOf({ host, port, socketPath }: Address, isLookup: boolean): object {
  if (isLookup) return { hostname: host };
  return socketPath === undefined ? { address: host, port } : { address: socketPath };
}

/** Returns the system's error number: Bun has it in a property, Deno in the message. */
function errnoOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("errno" in error && typeof error.errno === "number" && error.errno < 0) return error.errno;
  const match = /\(os error (\d+)\)/.exec(error.message);
  return match === null ? undefined : -Number(match[1]);
}

/**
 * Throws if TLS options other than `known` are set.
 *
 * @throws An error with the code `ERR_OPTION_UNSUPPORTED`.
 */
export function refuseUnknown(
  runtime: Runtime,
  options: TlsOptions,
  known: readonly string[],
  advice: string,
): void {
  const unknown = asked(options).filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw unsupported(runtime, unknown.map((name) => `\`${name}\``).join(", "), advice);
}

function asked({ isChainVerified, isNameVerified, ca, cert, key, others }: TlsOptions): string[] {
  const names: Readonly<Record<string, boolean>> = {
    "rejectUnauthorized: false": !isChainVerified,
    "verifyIdentity: false": isChainVerified && !isNameVerified,
    ca: ca !== undefined,
    cert: cert !== undefined,
    key: key !== undefined,
  };
  return [...Object.keys(names).filter((name) => names[name]), ...others];
}
