/** Makes pools with mysql2's interface, and faces: that interface over a pool that exists. */

import type { Duplex } from "node:stream";
import type { Connection, PoolConnection } from "mysql2";
import type { InitSql } from "../mysql/mod.ts";
import { SubletError } from "../shell/errors.ts";
import { checkOptions } from "../shell/option_names.ts";
import { adopt } from "./adopt.ts";
import { begin } from "./callbacks.ts";
import { statementOptions } from "./changes.ts";
import { type CompatOptions, configOfTarget, type Request, requestOf } from "./config.ts";
import type { Db } from "./driver.ts";
import { Lending, type UnitMode } from "./lending.ts";
import { Pool } from "./pool.ts";

/** Makes a pool of Sublet; `dial`, if given, opens the sockets in place of the adapter. */
export type MakeDb = (options: object, dial: (() => Duplex) | undefined) => Db;

/** Options of a face. */
export interface FaceOptions {
  /**
   * "join": if their unit of work has a transaction open, the face's statements run in it.
   * "separate": they run on other connections. Default: inside `db.transaction` of the same virtual
   * connection they run in it, and `getConnection` is refused; elsewhere they are separate.
   */
  readonly unit?: "join" | "separate" | undefined;
}

const FACE_OPTIONS: ReadonlySet<string> = new Set(["unit"] satisfies (keyof FaceOptions)[]);

/** The Sublet pool behind each pool with mysql2's interface. */
const dbs: WeakMap<object, Db> = new WeakMap();

/** Makes a new Sublet pool, and returns it with mysql2's callback interface. */
export function createPool(make: MakeDb, given: string | URL | CompatOptions): Pool {
  const lending = createLending(make, given, (connection) => pool.emit("connection", connection));
  const pool: Pool = new Pool(lending);
  dbs.set(pool, lending.db);
  return pool;
}

/** Returns the Sublet pool behind a pool with mysql2's callbacks or promises. */
export function dbOf(face: object): Db {
  const db = dbs.get("pool" in face ? face.pool as object : face);
  if (db !== undefined) return db;
  throw new TypeError("Expected a pool that @sublet/mysql/compat has made");
}

/** Makes a {@linkcode Lending} over a new pool; calls `tell` with each new connection. */
export function createLending(
  make: MakeDb,
  given: string | URL | CompatOptions | undefined,
  tell: (connection: PoolConnection) => void = () => undefined,
): Lending {
  const request = requestOf(given);
  const { config, more } = request;
  const unit = modeOf(more.unit, ["join"]) ?? "separate";
  const init = async (connection: Connection): Promise<void> => {
    const { connectionConfig } = config;
    const adopted = adopt(connection, connectionConfig, statementOptions(connectionConfig));
    for (const sql of [more.initSql ?? []].flat()) await adopted.promise().query(sql);
    await begin(adopted, () => tell(adopted));
  };
  const db = make(optionsOf(request, init), dialOf(request));
  return new Lending({ db, name: "main", config: () => config, unit, isOwner: true });
}

/** The faces of each pool, by virtual connection and options. */
const faces: WeakMap<Db, Map<string, Pool>> = new WeakMap();

/** Returns the face of a virtual connection; equal arguments give the same object. */
export function faceOf(db: Db, name: string, options: FaceOptions): Pool {
  checkOptions(options, FACE_OPTIONS);
  const unit = modeOf(options.unit, ["join", "separate"]) ?? "transaction";
  const known = faces.get(db) ?? new Map<string, Pool>();
  faces.set(db, known);
  const key = `${unit} ${name}`;
  const face = known.get(key);
  if (face !== undefined) return face;
  // Read late: on Workers, the target may not exist yet when the pool is defined.
  const config = () => configOfTarget(db.connection(name).target, db.config.idleTimeout);
  const created = new Pool(new Lending({ db, name, config, unit, isOwner: false }));
  known.set(key, created);
  dbs.set(created, db);
  return created;
}

function optionsOf({ config, target, more }: Request, initSql: InitSql): object {
  const { unit: _unit, initSql: _initSql, ...durations } = more;
  const { connectionLimit, idleTimeout, maxIdle } = config;
  // mysql2 ignores `idleTimeout` unless `maxIdle` is below `connectionLimit`.
  const isLimited = maxIdle < connectionLimit;
  return {
    ...target,
    ...durations,
    connectionLimit: connectionLimit || Number.MAX_SAFE_INTEGER,
    idleTimeout: idleTimeout || isLimited ? idleTimeout : Infinity,
    initSql,
    maxIdle: isLimited ? Math.max(0, Math.floor(maxIdle)) : undefined,
    queueLimit: config.queueLimit,
    resetOnRelease: config.resetOnRelease,
    shared: false,
    waitForConnections: config.waitForConnections,
  };
}

function dialOf({ stream, config }: Request): (() => Duplex) | undefined {
  if (typeof stream !== "function") return stream ? () => stream as Duplex : undefined;
  return () => stream({ config: config.connectionConfig });
}

/** Returns the option "unit"; throws if it is given and not one of `known`. */
function modeOf<Mode extends UnitMode>(
  unit: Mode | undefined,
  known: readonly Mode[],
): Mode | undefined {
  if (unit === undefined || known.includes(unit)) return unit;
  const names = known.map((mode) => JSON.stringify(mode)).join(" or ");
  const message = `The option "unit" must be ${names} if it is given: received ${
    JSON.stringify(unit)
  }`;
  throw new SubletError("OPTION_INVALID", "options", message);
}
