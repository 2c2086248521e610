/** What statements are run through, whoever made it. */

import type { SocketStream } from "../../../src/port.ts";

/** Where a client leads, and how many connections it may have. */
export interface ClientSetting {
  /** Where. */
  readonly uri: string;
  /** How many connections it may have at once. */
  readonly limit: number;
  /** How many it keeps, where it can be told; as many as it likes unless given. */
  readonly minimum?: number;
  /** What makes the streams of its connections; sockets of its own unless given. */
  readonly dial?: () => SocketStream;
}

/** What runs statements. */
export interface Client extends AsyncDisposable {
  /** What it is called in figures. */
  readonly key: string;
  /** What it is called in tables. */
  readonly label: string;
  /** How it is set up and used. */
  readonly note: string;
  /** Selects a row of `test.item` by its key; returns what the client answers. */
  select(id: number): Promise<unknown>;
  /** Returns the rows of such an answer. */
  rowsOf(answer: unknown): unknown[];
  /** Runs a statement that takes the server 2 ms. */
  nap(): Promise<unknown>;
}

/** Makes a client. */
export type MakeClient = (setting: ClientSetting) => Client;
