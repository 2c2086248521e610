/** What the MySQL part needs of a runtime: types only. An adapter opens sockets of one runtime. */

import type { EventEmitter } from "node:events";

/** The address of a server. */
export interface Address {
  /** The name or IP address of its host. */
  readonly host: string;
  /** Its TCP port. */
  readonly port: number;
  /** The path of its unix socket; if given, the adapter connects to it instead. */
  readonly socketPath: string | undefined;
  /** After how many idle ms TCP keep-alive probes the other side; undefined: never. */
  readonly keepAliveMs: number | undefined;
  /** Whether the port will upgrade its stream to TLS, after the server's greeting. */
  readonly isSecured: boolean;
}

/** The options of an upgrade to TLS; those in PEM have the names that Node uses. */
export interface TlsOptions {
  /** The name or IP address that the server's certificate must have. */
  readonly serverName: string;
  /** Whether the certificate must be signed by a trusted authority. */
  readonly isChainVerified: boolean;
  /** Whether the certificate must be for `serverName`. */
  readonly isNameVerified: boolean;
  /** The trusted authorities, in PEM; by default those of the runtime. */
  readonly ca: readonly string[] | undefined;
  /** The client's own certificate, in PEM. */
  readonly cert: string | undefined;
  /** The key of that certificate, in PEM. */
  readonly key: string | undefined;
  /** The names of further options, which only some runtimes have: `ciphers`, `minVersion` … */
  readonly others: readonly string[];
}

/**
 * The stream of a socket that an adapter opened: those members of a Duplex that the driver uses.
 * It emits "data" to listeners, "drain", "end", "error" and "close", which is its last event.
 */
export interface SocketStream extends EventEmitter {
  /** Whether it is destroyed, or has ended in both directions. */
  readonly destroyed: boolean;
  /** Whether it takes bytes. */
  readonly writable: boolean;
  /** The TCP port on this side once it is connected; undefined if the runtime does not tell. */
  readonly localPort?: number | undefined;
  /**
   * Sends bytes after those before them. Returns whether the caller may go on; if not, the caller
   * waits for "drain". Calls the callback once, with an error if it could not send the bytes.
   */
  write(bytes: Uint8Array, written?: (error?: Error | null) => void): boolean;
  /** Ends this side after all written bytes have been sent; the other side may still send. */
  end(): unknown;
  /** Closes it at once, connected or not; emits the error, if there is one, and "close". */
  destroy(error?: Error): unknown;
  /** Whether its reader has paused it. */
  isPaused(): boolean;
  /** Emits no "data" until `resume`; meanwhile it takes only a few of the server's bytes. */
  pause(): unknown;
  /** Emits "data" again, but only after this call has returned. */
  resume(): unknown;
  /** Lets the open socket keep the process alive. */
  ref?(): void;
  /** Lets the process end although the socket is open. */
  unref?(): void;
  /**
   * Upgrades it to TLS after all written bytes have been sent; rejects if the other side is not
   * trusted, or if the runtime does not support an option. Missing where the driver upgrades
   * the stream by itself.
   */
  startTls?(options: TlsOptions): Promise<void>;
}

/** The sockets of one runtime, as the streams that mysql2 drives. */
export interface Adapter {
  /** Which runtime it is. */
  readonly runtime: Runtime;
  /** Whether its TLS verifies chain and name unless the options say otherwise. */
  readonly verifiesAlways?: boolean;
  /** Returns the stream of a socket that is opening; a failure destroys it with its error. */
  dial(address: Address): SocketStream;
  /**
   * Returns why the other side of a stream that the driver upgraded to TLS is not a server of that
   * name, if it is not. Only for adapters whose streams have no `startTls`.
   */
  identityError?(stream: SocketStream, serverName: string): Error | undefined;
}

/** The runtimes that have an adapter. */
export type Runtime = "node" | "deno" | "bun" | "workerd";
