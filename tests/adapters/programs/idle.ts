/**
 * Opens a socket and reads it. With `unref`, called before or after the connect, the socket does
 * not keep the process alive; with `ref` it does, until the other side ends: then the status is 3.
 */

import process from "node:process";
import { dial } from "../support/here.ts";

const [port, verb] = process.argv.slice(2);
const stream = dial(Number(port));
const hold = setTimeout(() => process.exit(4), 10_000);
if (verb === "unref early") stream.unref?.();
stream.once("data", () => {
  if (verb !== "unref early") stream.unref?.();
  if (verb === "ref") stream.ref?.();
  clearTimeout(hold);
  process.stdout.write("idle\n");
});
stream.on("end", () => process.exitCode = 3);
