/** A web server on Node: each request is a unit of work, over two virtual connections. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import process from "node:process";
import { createPool } from "../mod.ts";

const db = createPool({
  uri: process.env["MYSQL_URL"] ?? "mysql://app:secret@127.0.0.1:3306/test",
  connectionLimit: 10,
  connections: { shop: {}, reports: { limit: 2 } },
});
const shop = db.connection("shop");
const reports = db.connection("reports");

async function answer(_request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [own] = await shop.transaction(async () => {
    const [rows] = await shop.query("SELECT CONNECTION_ID() AS id");
    return rows;
  });
  const [[report]] = await reports.query("SELECT VERSION() AS version");
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ ...own, ...report }));
}

const server = createServer(db.handler(answer));

server.listen(Number(process.env["PORT"] ?? 8080), "127.0.0.1", () => {
  console.log("listening", server.address());
});

process.once("SIGTERM", () => {
  server.close(() => db.drain({ timeout: 4_000 }));
});
