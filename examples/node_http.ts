/** A web server on Node: each request is a unit of work, over two virtual connections. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { createPool } from "../mod.ts";

const db = createPool({
  uri: process.env["MYSQL_URL"] ?? "mysql://app:secret@127.0.0.1:3306/test",
  connectionLimit: 10,
  connections: { shop: {}, reports: { limit: 2 } },
});
const shop = db.connection("shop");
const reports = db.connection("reports");

const answer = db.handler(async (request: IncomingMessage, response: ServerResponse) => {
  const [[own]] = await shop.transaction(() => {
    return shop.query("SELECT ? AS path, CONNECTION_ID() AS connection", [request.url]);
  });
  const [[report]] = await reports.query("SELECT VERSION() AS version");
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ ...own, ...report }));
});

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    console.error(error);
    response.writeHead(500).end();
  });
});

server.listen(Number(process.env["PORT"] ?? 8080), "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  console.log(`listening at http://127.0.0.1:${port}/`);
});

process.once("SIGTERM", () => {
  server.close(() => db.drain({ timeout: 4_000 })); // lets requests under way end
});
