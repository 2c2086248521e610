/** A module that creates a named pool, as an application with a changing password does. */

import process from "node:process";
import { createPool, type Pool } from "../../../../mod.ts";

/** The pool of the application. */
export const db: Pool<"main"> = createPool({
  name: "reloaded",
  uri: process.env["RELOADED_URL"] ?? "",
  password: () => "secret",
});
