/** Makes pools with mysql2's interface, on the sockets of the runtime that it detects. */

import { createPool as createDb } from "../../mod.ts";
import { adapter as node } from "../adapters/node.ts";
import { findRuntime } from "../adapters/runtime.ts";
import { PoolCluster } from "../compat/cluster.ts";
import type { CompatOptions } from "../compat/config.ts";
import { createLending, createPool, type MakeDb } from "../compat/create.ts";
import type { ClusterOptions } from "../compat/nodes.ts";
import type { Pool } from "../compat/pool.ts";
import { checked, creatorOn, lifespanOn } from "./create.ts";

const makeDb: MakeDb = (options, dial) => {
  if (dial === undefined) return createDb(options);
  // The driver upgrades the user's own sockets to TLS, as it does Node's.
  return creatorOn({ ...node, dial }, lifespanOn(findRuntime()))(options);
};

/** Makes a pool. */
export function makePool(options: string | URL | CompatOptions): Pool {
  return checked(() => createPool(makeDb, options));
}

/** Makes a cluster without nodes. */
export function makeCluster(options: ClusterOptions = {}): PoolCluster {
  return new PoolCluster(options, (given) => checked(() => createLending(makeDb, given)));
}
