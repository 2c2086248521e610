/** A module that creates its pool at the top level, as an application's module does. */

import process from "node:process";
import { createPool, type Pool } from "../../../../mod.ts";

/** The pool of the application. */
export const db: Pool<"shop" | "reports"> = createPool({
  uri: process.env["RELOADED_URL"] ?? "",
  connectionLimit: 3,
  connections: { shop: {}, reports: { limit: 1 } },
});
