/**
 * A common mistake, made with Sublet and with mysql2's own pool: what does each say, and does the
 * error lead to the line of the mistake?
 */

import type { Pool as DriverPool } from "mysql2/promise";
import mysql2 from "mysql2/promise";
import { createPool, type Pool } from "../../mod.ts";
import type { Server } from "../support/server.ts";

/** Where a mistake is made: a pool of each kind with one connection, and their server. */
export interface Place {
  /** The server. */
  readonly server: Server;
  /** A pool of Sublet. */
  readonly db: Pool<"main">;
  /** A pool of mysql2. */
  readonly pool: DriverPool;
}

/** A mistake. */
export interface Mistake {
  /** The mistake, in a few words. */
  readonly title: string;
  /** Makes it with Sublet. */
  own(place: Place): unknown;
  /** Makes it with mysql2. */
  theirs(place: Place): unknown;
  /** Fits the message of an error that names the mistake or what to do instead. */
  readonly named: RegExp;
}

/** What came of a mistake. */
export interface Outcome {
  /** The mistake, in a few words. */
  readonly title: string;
  /** What Sublet says. */
  readonly own: string;
  /** What mysql2 says. */
  readonly theirs: string;
  /** Whether Sublet's error names the mistake or what to do instead. */
  readonly isNamed: boolean;
  /** Whether one of the first three lines of its stack is the line of the mistake. */
  readonly hasOwnLine: boolean;
}

/** How long mysql2 may say nothing, in ms, before the mistake counts as one that it hangs at. */
const silentMsMax = 1_000;
/** How many lines of a stack are looked at. */
const framesMax = 3;

/** Makes a mistake with both. */
export async function make(mistake: Mistake, server: Server): Promise<Outcome> {
  const uri = server.url();
  const db = createPool({ uri, connectionLimit: 1, acquireTimeout: 200, shared: false });
  const pool = mysql2.createPool({ uri, connectionLimit: 1 });
  const place = { server, db, pool };
  const own = await errorOf(() => mistake.own(place));
  const theirs = await errorOf(() => Promise.race([mistake.theirs(place), silence()]));
  await db.drain({ timeout: 100 });
  await pool.end().catch(() => undefined);
  const message = own?.message ?? "";
  const frames = (own?.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return {
    title: mistake.title,
    own: own === undefined ? "no error" : described(own),
    theirs: theirs === undefined ? "no error" : described(theirs),
    isNamed: mistake.named.test(message),
    hasOwnLine: frames.slice(0, framesMax).some((line) => line.includes("/tests/mistakes/")),
  };
}

async function errorOf(code: () => unknown): Promise<Error | undefined> {
  try {
    await code();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function silence(): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, silentMsMax).unref());
  throw Object.assign(new Error(`says nothing within ${silentMsMax} ms`), { name: "" });
}

function described({ message, ...error }: Error): string {
  const code = "code" in error && typeof error.code === "string" ? `${error.code}: ` : "";
  return code + message.replaceAll(/\s+/g, " ");
}
