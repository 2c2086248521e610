/**
 * A function on AWS Lambda, which freezes an instance between requests for minutes or hours. The
 * pool pings a connection after a freeze before it lends the connection; an idle connection does
 * not keep the process alive.
 */

import process from "node:process";
import { createPool } from "../mod.ts";

const uri = process.env["MYSQL_URL"] ?? "mysql://app:secret@127.0.0.1:3306/test";
const db = createPool({ uri, connectionLimit: 1 }); // an instance has one request at a time

/** Answers a request to the function's URL. */
export const handler = db.handler(async (event: { readonly rawPath: string }) => {
  await db.query("SET @path = ?", [event.rawPath]);
  const [[row]] = await db.query("SELECT @path AS path, CONNECTION_ID() AS connection");
  return { statusCode: 200, body: JSON.stringify(row) };
});
