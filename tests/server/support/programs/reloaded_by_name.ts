/** A module that creates its pool by name, as that of an application whose password is renewed. */

import process from "node:process";
import { createPool, type Pool } from "../../../../mod.ts";

/** The pool of the application. */
export const db: Pool = createPool({
  name: "reloaded",
  uri: process.env["RELOADED_URL"] ?? "",
  password: () => "secret",
});
