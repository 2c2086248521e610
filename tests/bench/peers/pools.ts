/**
 * Pools without statements: takers that acquire a resource and release it.
 *
 * tarn, generic-pool and lightning-pool hold in-process objects, as this pool does here. mysql2's
 * and mariadb's pools can hold only their own connections, which are open before the measurement
 * and over which nothing is sent.
 */

import genericPool from "generic-pool";
import { Pool as LightningPool } from "lightning-pool";
import mariadb from "mariadb";
import mysqlCallbacks from "mysql2";
import mysql from "mysql2/promise";
import { Pool as TarnPool } from "tarn";
import { createPool } from "../../../mod.ts";
import { createNullPool } from "./null_pool.ts";

/** A measured pool. */
export interface Taker {
  /** Its name in figures. */
  readonly key: string;
  /** Its name in tables. */
  readonly label: string;
  /** How it is set up and used. */
  readonly note: string;
  /** Acquires and releases `count` times, with `atOnce` in parallel. */
  cycle(count: number, atOnce: number): Promise<void>;
  /** Ends the pool. */
  close(): Promise<unknown>;
}

/** Returns all pools, this one first; `uri` is for pools that need a server. */
export function takersOf(limit: number, uri: string): Taker[] {
  return [
    subletTaker(limit),
    subletOnServerTaker(limit, uri),
    tarnTaker(limit),
    genericTaker(limit),
    lightningTaker(limit),
    mysql2Taker(limit, uri),
    mariadbTaker(limit, uri),
    mysql2CallbackTaker(limit, uri),
  ];
}

/** Returns a `cycle` that runs a promise function one at a time, or all at once. */
function byPromises(one: () => Promise<unknown>): Taker["cycle"] {
  return async (count, atOnce) => {
    if (atOnce === 1) { for (let turn = 0; turn < count; turn++) await one(); }
    else await Promise.all(Array.from({ length: count }, one));
  };
}

function subletTaker(limit: number): Taker {
  const pool = createNullPool({ connectionLimit: limit });
  const cycle = byPromises(async () => (await pool.lease()).release());
  const note = "db.lease, lease.release; an object in the process";
  return { key: "sublet", label: "Sublet", note, cycle, close: () => pool.drain() };
}

function subletOnServerTaker(limit: number, uri: string): Taker {
  const pool = createPool({ uri, connectionLimit: limit, shared: false });
  const cycle = byPromises(async () => (await pool.lease()).release());
  const note = "the same; connections";
  return {
    key: "subletOnServer",
    label: "Sublet on a server",
    note,
    cycle,
    close: () => pool.drain(),
  };
}

function tarnTaker(limit: number): Taker {
  const pool = new TarnPool({ create: () => ({}), destroy: () => undefined, min: 0, max: limit });
  const cycle = byPromises(async () => pool.release(await pool.acquire().promise));
  const note = "pool.acquire().promise, pool.release; an object";
  return { key: "tarn", label: "tarn", note, cycle, close: () => pool.destroy() };
}

function genericTaker(limit: number): Taker {
  const factory = { create: () => Promise.resolve({}), destroy: () => Promise.resolve() };
  const pool = genericPool.createPool(factory, { max: limit });
  const cycle = byPromises(async () => pool.release(await pool.acquire()));
  const close = async (): Promise<void> => {
    await pool.drain();
    await pool.clear();
  };
  const note = "pool.acquire, pool.release; an object";
  return { key: "genericPool", label: "generic-pool", note, cycle, close };
}

function lightningTaker(limit: number): Taker {
  const factory = { create: () => Promise.resolve({}), destroy: () => Promise.resolve() };
  const pool = new LightningPool<object>(factory, { max: limit });
  pool.start();
  const cycle = byPromises(async () => await pool.releaseAsync(await pool.acquire()));
  const note = "pool.acquire, pool.releaseAsync; an object";
  return {
    key: "lightningPool",
    label: "lightning-pool",
    note,
    cycle,
    close: () => pool.closeAsync(),
  };
}

function mysql2Taker(limit: number, uri: string): Taker {
  const pool = mysql.createPool({ uri, connectionLimit: limit });
  const cycle = byPromises(async () => (await pool.getConnection()).release());
  const note = "pool.getConnection, connection.release; connections";
  return { key: "mysql2Promise", label: "mysql2/promise", note, cycle, close: () => pool.end() };
}

function mariadbTaker(limit: number, uri: string): Taker {
  const pool = mariadb.createPool(`${uri.replace(/^mysql/, "mariadb")}?connectionLimit=${limit}`);
  const cycle = byPromises(async () => await (await pool.getConnection()).release());
  const note = "pool.getConnection, connection.release; connections";
  return { key: "mariadb", label: "mariadb", note, cycle, close: () => pool.end() };
}

function mysql2CallbackTaker(limit: number, uri: string): Taker {
  const pool = mysqlCallbacks.createPool({ uri, connectionLimit: limit });
  const one = (done: () => void, fail: (error: Error) => void): void =>
    pool.getConnection((error, connection) => {
      if (error) return fail(error);
      connection.release();
      done();
    });
  const cycle = (count: number, atOnce: number): Promise<void> =>
    new Promise((resolve, reject) => {
      let left = count;
      const next = (): void => {
        if (--left === 0) resolve();
        else if (atOnce === 1) one(next, reject);
      };
      const begun = atOnce === 1 ? 1 : count;
      for (let index = 0; index < begun; index++) one(next, reject);
    });
  const note = "the same by callbacks, no promise";
  const close = (): Promise<void> => new Promise((resolve) => pool.end(() => resolve()));
  return { key: "mysql2Callback", label: "mysql2, callbacks", note, cycle, close };
}
