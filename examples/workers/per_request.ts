/**
 * A Worker: sockets belong to the request that opened them, so each request has its own
 * connections, which close after its answer. The pool here, created once, is only a definition.
 */

import { env } from "cloudflare:workers";
import { createPool } from "../../mod.ts";

const db = createPool({ uri: () => env.MYSQL_URL, connectionLimit: 2 });

export default {
  fetch: db.handler(async (request: Request) => {
    await db.query("SET @path = ?", [new URL(request.url).pathname]);
    const [[row]] = await db.query("SELECT @path AS path, CONNECTION_ID() AS connection");
    return Response.json(row);
  }),
} satisfies ExportedHandler;
