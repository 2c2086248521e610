/**
 * The sockets of Deno, Bun and Workers, as far as they are used here: types only.
 *
 * Each runtime's own types are global to it, and no two of them can be in one program; so what
 * is used is written down here, to be compared with the real types one runtime at a time.
 */

/** A connection of Deno. */
export interface DenoConn {
  /** Reads what has come, at least one byte; null at the end. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes as much as goes now; returns how much that was. */
  write(bytes: Uint8Array): Promise<number>;
  /** Says that nothing more will be written. */
  closeWrite(): Promise<void>;
  /** Closes it at once. */
  close(): void;
  /** Lets reads keep the process alive. */
  ref(): void;
  /** Lets the process end although a read is under way. */
  unref(): void;
}

/** A TCP connection of Deno. */
export interface DenoTcpConn extends DenoConn {
  /** Its address on this side. */
  readonly localAddr: { readonly port: number };
  /** Lets small writes go at once. */
  setNoDelay(isSet?: boolean): void;
  /** Has the other side asked whether it is there, after a time that the system knows. */
  setKeepAlive(isSet?: boolean): void;
}

/** A TLS connection of Deno. */
export interface DenoTlsConn extends DenoConn {
  /** Settled when it is known who is on the other side. */
  handshake(): Promise<unknown>;
}

/** How Deno upgrades a connection to TLS. */
export interface DenoTlsOptions {
  /** The name or IP address that the certificate has to have. */
  hostname?: string;
  /** Who is trusted besides those whom the runtime trusts. */
  caCerts?: string[];
  /** Whether the certificate may be for any name. */
  unsafelyDisableHostnameVerification?: boolean;
}

/** The sockets of Deno. */
export interface Deno {
  /** Connects over TCP. */
  connect(options: DenoTcpOptions): Promise<DenoTcpConn>;
  /** Connects to a unix socket. */
  connect(options: { transport: "unix"; path: string }): Promise<DenoConn>;
  /** Upgrades a connection that is not being read; it is of no use afterwards. */
  startTls(conn: DenoTcpConn, options?: DenoTlsOptions): Promise<DenoTlsConn>;
}

/** Where Deno connects to over TCP. */
export interface DenoTcpOptions {
  /** The name or IP address of the host. */
  hostname: string;
  /** The port. */
  port: number;
  /** Ends the connect, or the search for the host's address. */
  signal: AbortSignal;
}

/** A socket of Bun. */
export interface BunSocket {
  /** The port on this side. */
  readonly localPort: number;
  /** Writes as much as goes now; returns how much that was, -1 if it is closed. */
  write(bytes: Uint8Array): number;
  /** Says that nothing more will be written. */
  shutdown(): void;
  /** Closes it; over TLS only when all has been sent. */
  end(): unknown;
  /** Closes it at once. */
  terminate(): void;
  /** Stops reading. */
  pause(): void;
  /** Reads on. */
  resume(): void;
  /** Lets it keep the process alive. */
  ref(): void;
  /** Lets the process end although it is open. */
  unref(): void;
  /** Lets small writes go at once. */
  setNoDelay(isSet?: boolean): boolean;
  /** Has the other side asked whether it is there. */
  setKeepAlive(isSet?: boolean, delayMs?: number): boolean;
  /** Upgrades it to TLS; what comes over the second socket is decrypted. */
  upgradeTLS(options: BunUpgrade): [raw: BunSocket, tls: BunSocket];
}

/** What Bun tells of a socket. */
export interface BunHandlers {
  /** It is connected. */
  open(socket: BunSocket): void;
  /** Bytes have come, as a Buffer of the receiver's own. */
  data(socket: BunSocket, bytes: Uint8Array): void;
  /** It takes bytes again. */
  drain(socket: BunSocket): void;
  /** The other side will send no more. */
  end(socket: BunSocket): void;
  /** It has closed. */
  close(socket: BunSocket, error?: Error): void;
  /** TLS has failed after the handshake. */
  error(socket: BunSocket, error: Error): void;
  /** The handshake of TLS is over. */
  handshake?(socket: BunSocket, isTrusted: boolean, error: Error | null): void;
}

/** How Bun upgrades a socket to TLS. */
export interface BunUpgrade {
  /** Who has to be on the other side, and who this side is. */
  tls: {
    serverName: string;
    rejectUnauthorized: boolean;
    ca?: string[];
    cert?: string;
    key?: string;
  };
  /** Who is told of the socket from then on. */
  socket: BunHandlers;
}

/** The sockets of Bun. */
export interface Bun {
  /** Connects over TCP. */
  connect(options: BunOptions & { hostname: string; port: number }): Promise<BunSocket>;
  /** Connects to a unix socket. */
  connect(options: BunOptions & { unix: string }): Promise<BunSocket>;
}

/** How Bun connects. */
export interface BunOptions {
  /** Gets the events of the socket. */
  socket: BunHandlers;
  /** Whether it stays open when the other side has ended. */
  allowHalfOpen: boolean;
}

/** A socket of Workers. */
export interface WorkerSocket {
  /** What comes in. */
  readonly readable: { getReader(options: { mode: "byob" }): WorkerReader };
  /** What goes out. */
  readonly writable: { getWriter(): WorkerWriter };
  /** Fulfilled when it is connected, or upgraded. */
  readonly opened: Promise<unknown>;
  /** Settled when it has closed. */
  readonly closed: Promise<unknown>;
  /** Closes it when what was written has been sent. */
  close(): Promise<void>;
  /** Returns its upgrade to TLS. */
  startTls(options?: { expectedServerHostname?: string }): WorkerSocket;
}

/** Reads a socket of Workers. */
export interface WorkerReader {
  /** Reads what has come into the memory of `into`, which then belongs to the answer. */
  read(into: Uint8Array<ArrayBuffer>): Promise<WorkerRead>;
  /** Gives up reading. */
  cancel(reason?: unknown): Promise<void>;
  /** Lets somebody else read; nothing may be under way. */
  releaseLock(): void;
}

/** What a read of a socket of Workers gives. */
export interface WorkerRead {
  /** Whether this is the end. */
  readonly done: boolean;
  /** What has come. */
  readonly value?: Uint8Array<ArrayBuffer> | undefined;
}

/** Writes to a socket of Workers. */
export interface WorkerWriter {
  /** Writes all. */
  write(bytes: Uint8Array): Promise<void>;
  /** Says that nothing more will be written. */
  close(): Promise<void>;
  /** Gives up writing. */
  abort(reason?: unknown): Promise<void>;
  /** Lets somebody else write. */
  releaseLock(): void;
}

/** The module `cloudflare:sockets`. */
export interface WorkerSockets {
  /** Connects over TCP. */
  connect(
    address: { hostname: string; port: number },
    options: { secureTransport: "off" | "starttls"; allowHalfOpen: boolean },
  ): WorkerSocket;
}
