/** The shell's types, applied to the driver mysql2. */

import type { Connection } from "mysql2";
import type { Target, TargetOptions } from "../mysql/mod.ts";
import type { Lease as ShellLease } from "../shell/lease.ts";
import type { Pool as ShellPool } from "../shell/pool.ts";
import type { VirtualConnection as ShellConnection } from "../shell/virtual_connection.ts";

/** A pool of Sublet; its virtual connections may have any names. */
export type Db = ShellPool<string, Target, Connection, TargetOptions>;

/** A virtual connection. */
export type VirtualConnection = ShellConnection<Target, Connection>;

/** A lease of an actual connection. */
export type Lease = ShellLease<Connection>;
