/** What statements are run through, whoever made it. */

/** Where a client leads, and how many connections it may have. */
export interface ClientSetting {
  /** Where. */
  readonly uri: string;
  /** How many connections it may have at once. */
  readonly limit: number;
  /** How many it keeps, where it can be told; as many as it likes unless given. */
  readonly minimum?: number;
}

/** What runs statements. */
export interface Client extends AsyncDisposable {
  /** What it is called in figures. */
  readonly key: string;
  /** What it is called in tables. */
  readonly label: string;
  /** How it is set up and used. */
  readonly note: string;
  /** Selects a row of `test.item` by its key; returns the rows. */
  select(id: number): Promise<readonly unknown[]>;
  /** Runs a statement that takes the server 2 ms. */
  nap(): Promise<unknown>;
}

/** Makes a client. */
export type MakeClient = (setting: ClientSetting) => Client;
