/**
 * A web server on Deno, and on Deno Deploy, which sends SIGINT and waits five seconds.
 * `deno run --allow-net --allow-env examples/deno_serve.ts`
 */

import { createPool } from "../mod.ts";

const db = createPool(Deno.env.get("MYSQL_URL") ?? "mysql://app:secret@127.0.0.1:3306/test");

const server = Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.env.get("PORT") ?? 8080) },
  db.handler(async (request: Request) => {
    await db.query("SET @path = ?", [new URL(request.url).pathname]);
    const [[row]] = await db.query("SELECT @path AS path, CONNECTION_ID() AS connection");
    return Response.json(row);
  }),
);

Deno.addSignalListener("SIGINT", async () => {
  // In parallel, as a request that does not end must not use up the pool's time as well.
  await Promise.all([server.shutdown(), db.drain({ timeout: 4_000 })]);
  Deno.exit();
});
