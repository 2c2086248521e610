/** A program that sends one query and does not end its pool. */

import process from "node:process";
import mysql from "../../../src/entries/compat_promise.ts";

const [, , uri = ""] = process.argv;
const [rows] = await mysql.createPool({ uri, rowsAsArray: true }).query("SELECT 1");
console.log(String(rows));
