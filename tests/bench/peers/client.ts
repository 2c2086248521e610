/** The common interface of this pool and its peers. */

import type { SocketStream } from "../../../src/port/socket.ts";

/** The server and the limits of a client. */
export interface ClientSetting {
  /** The URL of the server. */
  readonly uri: string;
  /** The maximum number of connections. */
  readonly limit: number;
  /** The number of connections to keep, for clients with such an option. */
  readonly minimum?: number;
  /** Opens the streams of its connections; by default the client's own sockets. */
  readonly dial?: () => SocketStream;
}

/** A client that runs statements. */
export interface Client extends AsyncDisposable {
  /** Its name in figures. */
  readonly key: string;
  /** Its name in tables. */
  readonly label: string;
  /** How it is set up and used. */
  readonly note: string;
  /** Selects a row of `test.item` by its key; returns the client's answer. */
  select(id: number): Promise<unknown>;
  /** Returns the rows of such an answer. */
  rowsOf(answer: unknown): unknown[];
  /** Runs a statement that takes the server 2 ms. */
  nap(): Promise<unknown>;
}

/** Creates a client. */
export type MakeClient = (setting: ClientSetting) => Client;
