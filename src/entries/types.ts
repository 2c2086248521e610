/** The types that every entry exports; entries differ in sockets and the default `lifespan`. */

import type * as mysql from "../mysql/mod.ts";
import type { Lease as ShellLease } from "../shell/lease.ts";
import type { PoolOptions as ShellOptions } from "../shell/options.ts";
import type { MainPool } from "../shell/main_pool.ts";
import type { Pool as ShellPool } from "../shell/pool.ts";
import type { VirtualConnection as ShellConnection } from "../shell/virtual_connection.ts";

export type { ConnectionCounts, Phase, RefuseReason, RetireReason, Status } from "../core/mod.ts";
export type {
  ConnectionOptions,
  Credentials,
  DriverOptionName,
  InitSql,
  Password,
  Target,
  TargetOptions,
  TlsDemand,
  TlsMode,
} from "../mysql/mod.ts";
export type { PoolStats } from "../shell/stats.ts";
export { type ErrorCode, type ErrorDetails, type Stage, SubletError } from "../shell/errors.ts";
export type {
  ConnectionEvent,
  EventName,
  LeakEvent,
  Listener,
  PoolEvents,
  StatementEvent,
} from "../shell/events.ts";
export type { Lease as LeaseOf, LeaseOptions } from "../shell/lease.ts";
export type { Lifespan, PoolOptions as PoolOptionsOf, VirtualOptions } from "../shell/options.ts";
export type { DrainOptions } from "../shell/engine.ts";
export type { MainPool as MainPoolOf } from "../shell/main_pool.ts";
export type { Pool as PoolOf, PoolConfig } from "../shell/pool.ts";
export type {
  Field,
  NoFunction,
  ResultHeader,
  Row,
  RunOptions,
  StatementOptions,
  Values,
} from "../shell/statement.ts";
export type { Condition } from "../port/session.ts";
export type { Address } from "../port/socket.ts";
export type { Hold } from "../shell/virtual_config.ts";
export type { Host } from "../shell/unit.ts";
export type { Isolation, TransactionOptions } from "../shell/transaction_options.ts";
export type { MainUnitHandle, UnitCode, UnitHandle } from "../shell/unit_handle.ts";
export type { UnitOptions } from "../shell/unit_options.ts";
export type {
  AfterQuoted,
  ArgsOf,
  Before,
  CodeOf,
  Digit,
  HeadOf,
  Method,
  MethodOf,
  NameAt,
  NamesIn,
  ResultOf,
  TrimmedOf,
  WritingVerb,
} from "../shell/method_types.ts";
export type {
  TransactionCode,
  VirtualConnection as VirtualConnectionOf,
} from "../shell/virtual_connection.ts";

/** The options of a pool: its own, and those of its target (address, credentials, session). */
export type PoolOptions<Name extends string = "main"> =
  & ShellOptions<Name, mysql.TargetOptions>
  & mysql.TargetOptions;

/** The mysql2 connection that a lease gives to its holder. */
export type Connection = ReturnType<(typeof import("mysql2"))["createConnection"]>;

/**
 * A pool; `Name` is the union of its virtual connections' names. If one of them is `main`, the pool
 * has `query`, `execute`, `method`, `transaction` and `lease` itself. `Pool` alone takes any pool.
 */
export type Pool<Name extends string = string> = string extends Name ? AnyPool<Name>
  : "main" extends Name ? MainPool<Name, mysql.Target, Connection, mysql.TargetOptions>
  : AnyPool<Name>;

/** A pool, whether or not one of its virtual connections is `main`. */
export type AnyPool<Name extends string = string> = ShellPool<
  Name,
  mysql.Target,
  Connection,
  mysql.TargetOptions
>;

/** A virtual connection. */
export type VirtualConnection = ShellConnection<mysql.Target, Connection>;

/** A lease of an actual connection. */
export type Lease = ShellLease<Connection>;
