/** Makes the pools of code that knows mysql2, on the sockets of the runtime it finds itself in. */

import { createPool as createDb } from "../../mod.ts";
import { PoolCluster } from "../compat/cluster.ts";
import type { CompatOptions } from "../compat/config.ts";
import { createLending, createPool, type MakeDb } from "../compat/create.ts";
import type { ClusterOptions } from "../compat/nodes.ts";
import type { Pool } from "../compat/pool.ts";
import type { Adapter } from "../port.ts";
import { creatorOn } from "./create.ts";

const makeDb: MakeDb = (options, dial) => {
  return dial === undefined ? createDb(options) : creatorOn(() => adapterOf(dial))(options);
};

/** Makes a pool. */
export function makePool(options: string | CompatOptions): Pool {
  return createPool(makeDb, options);
}

/** Makes a cluster without nodes. */
export function makeCluster(options: ClusterOptions = {}): PoolCluster {
  return new PoolCluster(options, (given) => createLending(makeDb, given));
}

/** Returns an adapter whose sockets are the user's; the driver upgrades them to TLS as Node's. */
async function adapterOf(dial: Adapter["dial"]): Promise<Adapter> {
  const { adapter } = await import("../adapters/node.ts");
  return { ...adapter, dial };
}
