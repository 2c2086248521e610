/** Makes the pools that code which knows mysql2 asks for, and faces of pools that exist. */

import type { Duplex } from "node:stream";
import type { Connection, PoolConnection } from "mysql2";
import type { InitSql } from "../mysql/mod.ts";
import { SubletError } from "../shell/errors.ts";
import { adopt } from "./adopt.ts";
import { begin } from "./callbacks.ts";
import { type CompatOptions, configOfTarget, type Request, requestOf } from "./config.ts";
import type { Db } from "./driver.ts";
import { Lending } from "./lending.ts";
import { Pool } from "./pool.ts";

/** Makes a pool of Sublet; `dial`, if it is given, opens sockets in place of the runtime. */
export type MakeDb = (options: object, dial: (() => Duplex) | undefined) => Db;

/** How a face of a pool that exists behaves. */
export interface FaceOptions {
  /**
   * Whether statements of the pool ("join") run on the connection in which their unit of work has
   * a transaction open, if there is one; they do not unless given.
   */
  readonly unit?: "join" | undefined;
}

/** The pools that faces are faces of. */
const dbs: WeakMap<object, Db> = new WeakMap();

/** Makes a pool of its own. */
export function createPool(make: MakeDb, given: string | CompatOptions): Pool {
  const lending = createLending(make, given, (connection) => pool.emit("connection", connection));
  const pool: Pool = new Pool(lending);
  dbs.set(pool, lending.db);
  return pool;
}

/** Returns the pool that a face, of callbacks or of promises, is a face of. */
export function dbOf(face: object): Db {
  const db = dbs.get("pool" in face ? face.pool as object : face);
  if (db !== undefined) return db;
  throw new TypeError("A pool that this package has made was asked for");
}

/** Makes what lends connections of a pool of its own; `tell` is called with each that is new. */
export function createLending(
  make: MakeDb,
  given: string | CompatOptions,
  tell: (connection: PoolConnection) => void = () => undefined,
): Lending {
  const request = requestOf(given);
  const { config, more } = request;
  const joins = isJoin(more.unit);
  const init = async (connection: Connection): Promise<void> => {
    const adopted = adopt(connection, config.connectionConfig);
    for (const sql of [more.initSql ?? []].flat()) await adopted.promise().query(sql);
    await begin(adopted, () => tell(adopted));
  };
  const db = make(optionsOf(request, init), dialOf(request));
  return new Lending({ db, name: "main", config: () => config, joins, isOwner: true });
}

/** The faces that there are, by what they are faces of and how they behave. */
const faces: WeakMap<Db, Map<string, Pool>> = new WeakMap();

/** Returns the face of a virtual connection of a pool, which is the same one each time. */
export function faceOf(db: Db, name: string, { unit }: FaceOptions): Pool {
  const joins = isJoin(unit);
  const known = faces.get(db) ?? new Map<string, Pool>();
  faces.set(db, known);
  const key = `${joins} ${name}`;
  const face = known.get(key);
  if (face !== undefined) return face;
  // On Workers there may be no target yet where pools are defined.
  const config = () => configOfTarget(db.connection(name).target, db.config.idleTimeout);
  const created = new Pool(new Lending({ db, name, config, joins, isOwner: false }));
  known.set(key, created);
  dbs.set(created, db);
  return created;
}

function optionsOf({ config, target, more }: Request, initSql: InitSql): object {
  const { unit: _unit, initSql: _initSql, ...durations } = more;
  const { connectionLimit, idleTimeout, maxIdle } = config;
  // Where all may lie idle, mysql2 does not look at how long they do.
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

function isJoin(unit: string | undefined): boolean {
  if (unit === undefined || unit === "join") return unit === "join";
  const message = `The option "unit" must be "join" if it is given: received ${
    JSON.stringify(unit)
  }`;
  throw new SubletError("OPTION_INVALID", "options", message);
}
