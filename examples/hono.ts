/**
 * A Hono app, the same on Bun, Deno (`deno serve`), Workers and wherever Hono runs: one middleware
 * makes each request a unit of work.
 */

import process from "node:process";
import { Hono } from "hono";
import { getRuntimeKey } from "hono/adapter";
import { createPool } from "../mod.ts";

const db = createPool(process.env["MYSQL_URL"] ?? "mysql://app:secret@127.0.0.1:3306/test");

const app = new Hono();

app.use((c, next) => {
  const ctx = getRuntimeKey() === "workerd" ? c.executionCtx : undefined;
  return db.unit(next, { signal: c.req.raw.signal, ctx });
});

app.get("/*", async (c) => {
  await db.query("SET @path = ?", [c.req.path]);
  const [[row]] = await db.query("SELECT @path AS path, CONNECTION_ID() AS connection");
  return c.json(row);
});

export default app;
