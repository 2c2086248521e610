/** The connector for MySQL and MariaDB: sessions over the driver mysql2. */

import type { Connector } from "../port/session.ts";
import type { Adapter } from "../port/socket.ts";
import { type Connect, connectOver } from "./connect.ts";
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
export {
  checkUriSet,
  checkUriText,
  expandUri,
  TargetOptionError,
  targetOptionNames,
} from "./target_rules.ts";
export { settingsOf } from "./tls.ts";
export { isUrl } from "./uri.ts";

export type { TlsDemand } from "./tls.ts";

/** A connector that opens sessions of MySQL or MariaDB. */
export interface MysqlConnector extends Connector {
  readonly connect: Connect;
}

/** Returns a connector over the sockets of a runtime. */
export function createConnector(adapter: Adapter): MysqlConnector {
  return {
    connect: connectOver(adapter),
    isFull,
    keyOf: (target: Target) => target.key,
    addressOf: (target: Target) => target.addressKey,
    describe: (target: Target) => target.description,
  };
}
