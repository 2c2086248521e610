/** MySQL and MariaDB, as a port of a pool: sessions over the driver mysql2. */

import type { Connection } from "mysql2";
import type { Adapter, Port } from "../port.ts";
import { connectOver } from "./connect.ts";
import { isFull } from "./errors.ts";
import type { Target } from "./target.ts";

export { isLoss, isRepeatable } from "./errors.ts";
export { keyOfValue, shapeOfValue } from "./keys.ts";
export { compileMethod, type Method } from "./method.ts";
export type { Credentials } from "./driver_options.ts";
export { Target } from "./target.ts";
export type {
  ConnectionOptions,
  DriverOptionName,
  InitSql,
  Password,
  TargetOptionName,
  TargetOptions,
  TlsMode,
} from "./target_options.ts";
export { expandUri, TargetOptionError, targetOptionNames } from "./target_rules.ts";

export type { TlsDemand } from "./tls.ts";

/** Returns a port that opens sessions of MySQL or MariaDB over the sockets of a runtime. */
export function createPort(adapter: Adapter): Port<Target, Connection> {
  return {
    connect: connectOver(adapter),
    isFull,
    keyOf: (target) => target.key,
    addressOf: (target) => target.addressKey,
  };
}
