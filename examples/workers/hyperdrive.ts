/**
 * A Worker behind Hyperdrive, which keeps the connections to the server and is asked for its
 * address in each request. Of a session it keeps nothing between transactions: use no SET.
 */

import { env } from "cloudflare:workers";
import { createPool } from "../../mod.ts";

const db = createPool({ uri: () => env.HYPERDRIVE.connectionString, connectionLimit: 2 });

export default {
  fetch: db.handler((request: Request) => {
    return db.transaction(async () => {
      const sql = "SELECT ? AS path, CONNECTION_ID() AS connection";
      const [[row]] = await db.query(sql, [new URL(request.url).pathname]);
      return Response.json(row);
    });
  }),
} satisfies ExportedHandler;
