/** Users who do not see all that their statements run. */

import { createPool, type Pool, type PoolOptions } from "../../../mod.ts";
import type { Place } from "./fixture.ts";

/** The privileges of a user who only reads and writes. */
export const writing = "SELECT, INSERT, UPDATE, DELETE ON hidden.*";
/** The reason for which the pool renews such a user's session. */
export const unseen = "triggers or views that may not be seen";

let userCount = 0;

/** Creates a user with some privileges; returns a pool of that user. */
export async function poolOf(
  { server, proxy }: Place,
  privileges: string,
  options: PoolOptions = {},
): Promise<Pool<"main">> {
  userCount++;
  const user = userNow();
  await server.query(`CREATE USER ${user} IDENTIFIED BY ''`);
  for (const part of privileges.split("; ")) await server.query(`GRANT ${part} TO ${user}`);
  const { uri } = proxy;
  const whose = { user, password: "", database: "hidden", shared: false };
  return createPool({ uri, ...whose, connectionLimit: 1, validateAfter: 60_000, ...options });
}

/** Returns the name of the user that `poolOf` created last. */
export function userNow(): string {
  return `blind${userCount}`;
}
