/** A first query: the pool opens nothing before it, and nothing needs to be closed after it. */

import process from "node:process";
import { createPool } from "../mod.ts";

const db = createPool(process.env["MYSQL_URL"] ?? "mysql://app:secret@127.0.0.1:3306/test");

const [rows] = await db.query("SELECT ? + ? AS sum", [3, 4]);
console.log(rows); // [ { sum: 7 } ]
