/** The table that statements read and write. */

import type { Server } from "../support/server.ts";

/** How many rows it has. */
export const ROWS = 1000;

/** Creates and fills the table. */
export async function createItems(server: Server): Promise<void> {
  await server.query("CREATE TABLE test.item (id INT PRIMARY KEY, name VARCHAR(40), price INT)");
  const ids = Array.from({ length: ROWS }, (_, index) => index + 1);
  const rows = ids.map((id) => `(${id}, 'item ${id}', ${id * 7})`);
  await server.query(`INSERT INTO test.item VALUES ${rows.join(", ")}`);
}
