/**
 * A function on Vercel, whose instance serves requests in parallel and is frozen when it has none.
 * `attachDatabasePool` keeps the instance awake until the pool has closed its idle connections.
 */

import process from "node:process";
import { attachDatabasePool } from "@vercel/functions";
import { createPool } from "../mod.ts";

const uri = process.env["MYSQL_URL"] ?? "mysql://app:secret@127.0.0.1:3306/test";
const db = createPool({ uri, idleTimeout: 5_000 });
attachDatabasePool(db);

/** Answers GET requests. */
export const GET = db.handler(async (request: Request) => {
  await db.query("SET @path = ?", [new URL(request.url).pathname]);
  const [[row]] = await db.query("SELECT @path AS path, CONNECTION_ID() AS connection");
  return Response.json(row);
});
