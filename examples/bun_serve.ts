/**
 * A web server on Bun: each request is a unit of work, whose statements share a session that no
 * other request sees. `bun examples/bun_serve.ts`
 */

import { createPool } from "../mod.ts";

const db = createPool(Bun.env["MYSQL_URL"] ?? "mysql://app:secret@127.0.0.1:3306/test");

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Bun.env["PORT"] ?? 8080,
  fetch: db.handler(async (request: Request) => {
    await db.query("SET @path = ?", [new URL(request.url).pathname]);
    const [[row]] = await db.query("SELECT @path AS path, CONNECTION_ID() AS connection");
    return Response.json(row);
  }),
});
console.log(`listening at ${server.url}`);

process.once("SIGTERM", async () => {
  await server.stop(); // lets requests under way end
  await db.drain({ timeout: 4_000 });
});
