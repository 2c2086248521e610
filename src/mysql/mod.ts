/**
 * MySQL and MariaDB, as a port of a pool: sessions over the driver mysql2.
 *
 * The driver, what knows it and the sockets of the runtime are loaded when the first session
 * is opened; only what tells targets and errors apart is there from the start.
 */

import type { Connection } from "mysql2";
import type { Adapter, Port } from "../port.ts";
import { isFull } from "./errors.ts";
import type { Target } from "./target.ts";

export { isLoss, isRepeatable } from "./errors.ts";
export { keyOfValue, shapeOfValue } from "./keys.ts";
export { compileMethod, type Method } from "./method.ts";
export type { Credentials } from "./driver_options.ts";
export { Target } from "./target.ts";
export {
  type ConnectionOptions,
  type DriverOptionName,
  expandUri,
  type InitSql,
  type Password,
  TargetOptionError,
  type TargetOptionName,
  targetOptionNames,
  type TargetOptions,
  type TlsMode,
} from "./target_options.ts";

export type { TlsDemand } from "./tls.ts";

/** What {@linkcode createPort} needs. */
export interface PortOptions {
  /** Loads the sockets of the runtime; asked once, at the first connect. */
  adapter(): Promise<Adapter>;
}

/** Returns a port that opens sessions of MySQL or MariaDB. */
export function createPort({ adapter }: PortOptions): Port<Target, Connection> {
  const load = async () => {
    const [{ connectOver }, sockets] = await Promise.all([import("./connect.ts"), adapter()]);
    return connectOver(sockets);
  };
  // What is loaded is kept and not the promise of it, which on Workers belongs to one request.
  let connect: Awaited<ReturnType<typeof load>> | undefined;
  return {
    async connect(target, lost, signal) {
      const loaded = await (connect ?? load());
      return await (connect ??= loaded)(target, lost, signal);
    },
    isFull,
    keyOf: (target) => target.key,
    addressOf: (target) => target.addressKey,
  };
}
