/**
 * A proxy changes a few bytes of what a real server sends: in its greeting, in a login, in
 * answers. Each request settles in time, an error has a code, the process lives, and afterwards
 * no connection is left.
 *
 * Each run changes other bytes, by a seed that a failure names: `FUZZ_SEED` repeats a run.
 */

import assert from "node:assert/strict";
import process from "node:process";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import { createPool, SubletError } from "../../mod.ts";
import { startProxy } from "../support/proxy.ts";
import { type Server, startServer } from "../support/server.ts";
import { type Flavor, lackOf } from "../support/server_binary.ts";
import { until } from "../support/wait.ts";

const seed = Number(process.env["FUZZ_SEED"] ?? Date.now() % 1_000_000);
/** The maximum number of rounds, and their maximum time on each server. */
const rounds = 400;
const msMax = 8_000;
/** How long a request with a timeout of 300 ms may take. */
const answerMsMax = 2_500;
const sql = "SELECT 7 AS n, 'größe' AS text, NULL AS nothing, REPEAT('x', 300) AS much";

const servers: Map<Flavor, Server> = new Map();
const crashes: unknown[] = [];
const note = (error: unknown): void => void crashes.push(error);

before(() => void process.on("uncaughtExceptionMonitor", note));

after(async () => {
  process.off("uncaughtExceptionMonitor", note);
  for (const server of servers.values()) await server.remove();
});

/** Returns a function that returns random numbers from 0 to 1, by a seed (mulberry32). */
function chanceOf(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Tells whether an error, and each cause of it, is the server's or has a code. */
function namesItsCause(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof SubletError) return error.cause === undefined || namesItsCause(error.cause);
  if ("sqlState" in error) return true;
  // The runtime's own codes begin with ERR_ and show mistakes in code. Those of a key are no
  // mistake: MySQL sends its public key at the first login of a user.
  return "code" in error && typeof error.code === "string" &&
    !/^ERR_(?!OSSL_|CRYPTO_)/.test(error.code);
}

for (const flavor of ["mariadb", "mysql"] as const) {
  test(`${flavor}: changed bytes do no harm, seed ${seed}`, {
    skip: lackOf(flavor) ?? false,
    timeout: 60_000,
  }, async () => {
    const server = await startServer({ flavor });
    servers.set(flavor, server);
    await using proxy = await startProxy(server);
    const chance = chanceOf(seed);
    const endsAt = performance.now() + msMax;
    let failed = 0;
    for (let round = 0; round < rounds && performance.now() < endsAt; round++) {
      const length = 1 + Math.floor(3 * chance());
      const bytes = Uint8Array.from({ length }, () => Math.floor(256 * chance()));
      // A byte within the login, or within the answers, which are about as long.
      const at = Math.floor(700 * chance());
      const isPrepared = chance() < 0.5;
      const isLogin = chance() < 0.5;
      await using db = createPool({
        uri: proxy.uri,
        shared: false,
        connectTimeout: 300,
        acquireTimeout: 300,
      });
      if (!isLogin) await db.query("SELECT 1");
      proxy.meet("toClient", { overwrites: { at, bytes } });
      const began = performance.now();
      const options = { timeout: 300 };
      const ask = isPrepared ? db.execute(sql, [], options) : db.query(sql, [], options);
      const [outcome] = await Promise.allSettled([ask]);
      const tookMs = performance.now() - began;
      const which = `round ${round}, byte ${at}: ${[...bytes]}`;
      if (outcome.status === "rejected") {
        failed++;
        assert.ok(namesItsCause(outcome.reason), `${which}: ${inspect(outcome.reason)}`);
      }
      assert.ok(tookMs < answerMsMax, `${which}: it took ${Math.round(tookMs)} ms`);
      assert.deepEqual(crashes, [], which);
      proxy.meet("toClient", {});
      await db.drain({ timeout: 0 });
      await until(() => db.stats().size === 0, `nothing is open after ${which}`);
    }
    assert.ok(failed > 0, "no change has made a difference");
    proxy.end("reset");
    await using db = createPool({ uri: proxy.uri, shared: false });
    const [[row]] = await db.query("SELECT 7 AS n");
    assert.deepEqual(row, { n: 7 });
  });
}
