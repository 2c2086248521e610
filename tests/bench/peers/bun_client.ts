/** Bun's own MySQL client. */

import type { Client, ClientSetting } from "./client.ts";
import { rowsOfList } from "./statements.ts";

/** Returns Bun.SQL as a client. */
export function bunClient({ uri, limit }: ClientSetting): Client {
  const { SQL } = (globalThis as unknown as { Bun: { SQL: BunSqlClass } }).Bun;
  const sql = new SQL(uri, { max: limit });
  return {
    key: "bunSql",
    label: "Bun.SQL",
    note: "sql`…`",
    select: (id) => sql`SELECT id, name, price FROM test.item WHERE id = ${id}`,
    rowsOf: rowsOfList,
    nap: () => sql`SELECT SLEEP(0.002)`,
    [Symbol.asyncDispose]: () => sql.close(),
  };
}

/** The part of Bun.SQL that is used here. */
interface BunSql {
  (texts: TemplateStringsArray, ...values: unknown[]): Promise<unknown[]>;
  close(): Promise<void>;
}

type BunSqlClass = new (uri: string, options: { max: number }) => BunSql;
