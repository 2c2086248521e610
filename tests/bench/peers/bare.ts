/**
 * The lower bound of any pool over the driver: an array of connections, used by callbacks. A query
 * takes a free connection or waits in a linked list, and makes one promise for its caller.
 */

import mysql, { type Connection } from "mysql2";
import type { Client, ClientSetting } from "./client.ts";
import { nap, pointSelect, rowsOfPair } from "./statements.ts";

/** A query that runs or waits. */
interface Query {
  readonly sql: string;
  readonly values: number[];
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  next: Query | undefined;
}

/** Returns the array as a client. */
export function bareClient({ uri, limit, dial }: ClientSetting): Client {
  const stream = dial === undefined ? {} : { stream: dial };
  const bare = new BareArray(
    Array.from({ length: limit }, () => mysql.createConnection({ uri, trace: false, ...stream })),
  );
  return {
    key: "bare",
    label: "bare array",
    note: "connections of mysql2 with callbacks, trace: false, a promise a query",
    select: (id) => bare.execute(pointSelect, [id]),
    rowsOf: rowsOfPair,
    nap: () => bare.execute(nap, []),
    [Symbol.asyncDispose]: () => bare.close(),
  };
}

class BareArray {
  readonly #all: readonly Connection[];
  readonly #free: Connection[];
  #first: Query | undefined;
  #last: Query | undefined;

  constructor(connections: readonly Connection[]) {
    this.#all = connections;
    this.#free = [...connections];
  }

  execute(sql: string, values: number[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const query: Query = { sql, values, resolve, reject, next: undefined };
      const connection = this.#free.pop();
      if (connection !== undefined) return this.#run(connection, query);
      if (this.#last === undefined) this.#first = query;
      else this.#last.next = query;
      this.#last = query;
    });
  }

  async close(): Promise<void> {
    for (const connection of this.#all) {
      await new Promise<void>((resolve, reject) => {
        connection.end((error) => error ? reject(error) : resolve());
      });
    }
  }

  #run(connection: Connection, query: Query): void {
    connection.execute(query.sql, query.values, (error, rows, fields) => {
      const next = this.#first;
      if (next === undefined) {
        this.#free.push(connection);
      } else {
        this.#first = next.next;
        if (this.#first === undefined) this.#last = undefined;
        this.#run(connection, next);
      }
      if (error) query.reject(error);
      else query.resolve([rows, fields]);
    });
  }
}
