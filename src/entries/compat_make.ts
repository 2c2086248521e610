/** Makes the pools of code that knows mysql2, on the sockets of the runtime it finds itself in. */

import { createPool as createDb } from "../../mod.ts";
import { adapter as node } from "../adapters/node.ts";
import { findRuntime } from "../adapters/runtime.ts";
import { PoolCluster } from "../compat/cluster.ts";
import type { CompatOptions } from "../compat/config.ts";
import { createLending, createPool, type MakeDb } from "../compat/create.ts";
import type { ClusterOptions } from "../compat/nodes.ts";
import type { Pool } from "../compat/pool.ts";
import { creatorOn, lifespanOn } from "./create.ts";

const makeDb: MakeDb = (options, dial) => {
  if (dial === undefined) return createDb(options);
  // Sockets that are the user's are upgraded to TLS by the driver, as Node's are.
  return creatorOn({ ...node, dial }, lifespanOn(findRuntime()))(options);
};

/** Makes a pool. */
export function makePool(options: string | CompatOptions): Pool {
  return createPool(makeDb, options);
}

/** Makes a cluster without nodes. */
export function makeCluster(options: ClusterOptions = {}): PoolCluster {
  return new PoolCluster(options, (given) => createLending(makeDb, given));
}
