/**
 * Has Node take mysql2 from the folder that `SUBLET_DRIVER` names, in every import: a process
 * that is started with `--import` of this file, and by NODE_OPTIONS those that it starts.
 */

import { registerHooks } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

const folder = process.env.SUBLET_DRIVER;
if (folder === undefined) throw new Error("SUBLET_DRIVER names no folder");
const parentURL = pathToFileURL(join(folder, "package.json")).href;

registerHooks({
  resolve(specifier, context, nextResolve) {
    const isDriver = specifier === "mysql2" || specifier.startsWith("mysql2/");
    return nextResolve(specifier, isDriver ? { ...context, parentURL } : context);
  },
});
