/**
 * Types of the sockets of Deno, Bun and Workers, as far as the adapters use them.
 *
 * Each runtime's own types are global, and no two of them fit into one program. So this file
 * declares the part in use, to be checked against the real types one runtime at a time.
 */

/** A connection of Deno. */
export interface DenoConn {
  /** Reads at least one byte; returns how many, or null at the end. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes as many bytes as fit now; returns how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Tells the server that nothing more will be written. */
  closeWrite(): Promise<void>;
  /** Closes the connection at once. */
  close(): void;
  /** Lets reads keep the process alive. */
  ref(): void;
  /** Lets the process end although a read is under way. */
  unref(): void;
}

/** A TCP connection of Deno. */
export interface DenoTcpConn extends DenoConn {
  /** The local address. */
  readonly localAddr: { readonly port: number };
  /** Sends small writes at once (TCP_NODELAY). */
  setNoDelay(isSet?: boolean): void;
  /** Turns TCP keep-alive on or off; the system sets its delay. */
  setKeepAlive(isSet?: boolean): void;
}

/** A TLS connection of Deno. */
export interface DenoTlsConn extends DenoConn {
  /** Settles when the handshake has verified the server, or has failed. */
  handshake(): Promise<unknown>;
}

/** How Deno upgrades a connection to TLS. */
export interface DenoTlsOptions {
  /** The name or IP address that the certificate must have. */
  hostname?: string;
  /** Certificate authorities to trust in addition to the runtime's own. */
  caCerts?: string[];
  /** Whether to accept a certificate for any name. */
  unsafelyDisableHostnameVerification?: boolean;
}

/** The sockets of Deno. */
export interface Deno {
  /** Connects over TCP. */
  connect(options: DenoTcpOptions): Promise<DenoTcpConn>;
  /** Connects to a unix socket. */
  connect(options: { transport: "unix"; path: string }): Promise<DenoConn>;
  /** Upgrades a connection that has no read under way; `conn` is unusable afterwards. */
  startTls(conn: DenoTcpConn, options?: DenoTlsOptions): Promise<DenoTlsConn>;
}

/** Where Deno connects over TCP. */
export interface DenoTcpOptions {
  /** The name or IP address of the host. */
  hostname: string;
  /** The port. */
  port: number;
  /** Cancels the connect, or the lookup of the host's address. */
  signal: AbortSignal;
}

/** A socket of Bun. */
export interface BunSocket {
  /** The local port. */
  readonly localPort: number;
  /** Writes as many bytes as fit now; returns how many, or -1 if the socket is closed. */
  write(bytes: Uint8Array): number;
  /** Tells the server that nothing more will be written. */
  shutdown(): void;
  /** Closes the socket; over TLS only when all bytes have been sent. */
  end(): unknown;
  /** Closes the socket at once. */
  terminate(): void;
  /** Stops reading. */
  pause(): void;
  /** Starts to read again. */
  resume(): void;
  /** Lets the socket keep the process alive. */
  ref(): void;
  /** Lets the process end although the socket is open. */
  unref(): void;
  /** Sends small writes at once (TCP_NODELAY). */
  setNoDelay(isSet?: boolean): boolean;
  /** Turns TCP keep-alive on or off. */
  setKeepAlive(isSet?: boolean, delayMs?: number): boolean;
  /** Upgrades the socket to TLS; the second socket that it returns delivers decrypted bytes. */
  upgradeTLS(options: BunUpgrade): [raw: BunSocket, tls: BunSocket];
}

/** The handlers of a Bun socket's events. */
export interface BunHandlers {
  /** The socket is connected. */
  open(socket: BunSocket): void;
  /** Bytes have arrived, in a Buffer that belongs to the receiver. */
  data(socket: BunSocket, bytes: Uint8Array): void;
  /** The socket accepts bytes again. */
  drain(socket: BunSocket): void;
  /** The server will send no more. */
  end(socket: BunSocket): void;
  /** The socket has closed. */
  close(socket: BunSocket, error?: Error): void;
  /** TLS has failed after the handshake. */
  error(socket: BunSocket, error: Error): void;
  /** The TLS handshake is over. */
  handshake?(socket: BunSocket, isTrusted: boolean, error: Error | null): void;
}

/** How Bun upgrades a socket to TLS. */
export interface BunUpgrade {
  /** The server to expect, and the client's own certificate. */
  tls: {
    serverName: string;
    rejectUnauthorized: boolean;
    ca?: string[];
    cert?: string;
    key?: string;
  };
  /** The handlers of the socket's events from then on. */
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
  /** The handlers of the socket's events. */
  socket: BunHandlers;
  /** Whether the socket stays open when the server has ended. */
  allowHalfOpen: boolean;
}

/** A socket of Workers. */
export interface WorkerSocket {
  /** The incoming bytes. */
  readonly readable: { getReader(options: { mode: "byob" }): WorkerReader };
  /** The outgoing bytes. */
  readonly writable: { getWriter(): WorkerWriter };
  /** Fulfilled when the socket is connected, or upgraded. */
  readonly opened: Promise<unknown>;
  /** Settled when the socket has closed. */
  readonly closed: Promise<unknown>;
  /** Closes the socket when all writes have been sent. */
  close(): Promise<void>;
  /** Returns a new socket: this one, upgraded to TLS. */
  startTls(options?: { expectedServerHostname?: string }): WorkerSocket;
}

/** Reads a socket of Workers. */
export interface WorkerReader {
  /** Reads into the memory of `into`, and moves that memory to the `value` that it returns. */
  read(into: Uint8Array<ArrayBuffer>): Promise<WorkerRead>;
  /** Gives up reading. */
  cancel(reason?: unknown): Promise<void>;
  /** Lets other code get a reader; no read may be under way. */
  releaseLock(): void;
}

/** The result of a read from a socket of Workers. */
export interface WorkerRead {
  /** Whether the incoming bytes have ended. */
  readonly done: boolean;
  /** The bytes that were read. */
  readonly value?: Uint8Array<ArrayBuffer> | undefined;
}

/** Writes to a socket of Workers. */
export interface WorkerWriter {
  /** Writes all bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** Tells the server that nothing more will be written. */
  close(): Promise<void>;
  /** Gives up writing. */
  abort(reason?: unknown): Promise<void>;
  /** Lets other code get a writer. */
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
