/**
 * A Worker behind Hyperdrive, which keeps the connections to the server. The pool asks for the
 * address of Hyperdrive in each request. Hyperdrive keeps no session state between transactions:
 * use no SET.
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
