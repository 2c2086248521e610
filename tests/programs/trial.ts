/** Runs one program on a new pool, drains the pool, and judges what is left. */

import { setTimeout as sleep } from "node:timers/promises";
import { createPool, type Pool } from "../../mod.ts";
import type { History, View } from "./history.ts";
import { type Breach, judge } from "./judge.ts";
import { nameOf, type Program, risksOf } from "./program.ts";
import { Run } from "./run.ts";
import type { Site, World } from "./world.ts";

/** How long all promises of a program may take to settle, in ms. */
const settleMsMax = 8_000;
/** How long leftovers may take to disappear, and a pool to drain, in ms. */
const restMsMax = 2_500;
/** The acquireTimeout; shorter where some requests are likely to wait in vain. */
const acquireMs = { crowded: 250, roomy: 5_000 };

/** The result of one program. */
export interface Trial {
  readonly history: History;
  readonly view: View;
  /** The rules that the run broke. */
  readonly breaches: readonly Breach[];
}

/** Runs a program at a site. */
export async function tryProgram(
  program: Program,
  number: number,
  world: World,
  site: Site,
): Promise<Trial> {
  await world.begin(site);
  const pool = poolOf(program, site);
  const run = new Run(program, {
    pool,
    number,
    databases: site.databases,
    isolationVariable: world.isolationVariable,
    kill: (which) => world.kill(site, which),
  });
  await run.toEnd(settleMsMax);
  const left = {
    ...await leftAtRest(pool, world, site, number),
    connections: await leftAfterDrain(pool, world, site),
  };
  const view = {
    rows: await world.rowsOf(site, number),
    commands: await world.commandsOf(site),
    databases: site.databases,
    isolation: "REPEATABLE-READ",
    peak: world.peakOf(site),
    left,
  };
  const history = run.deeds;
  return { history, view, breaches: judge(program, history, view) };
}

function poolOf(program: Program, { url, databases }: Site): Pool<string> {
  const connections = Object.fromEntries(
    program.virtuals.map(({ database, limit, hold }, on) => [nameOf(on), {
      database: databases[database],
      ...limit === undefined ? {} : { limit },
      ...hold === undefined ? {} : { hold },
    }]),
  );
  return createPool<string>({
    uri: url,
    shared: false,
    connectionLimit: program.limit,
    acquireTimeout: risksOf(program).crowds ? acquireMs.crowded : acquireMs.roomy,
    ...program.lifespan === undefined ? {} : { lifespan: program.lifespan },
    connections,
  });
}

/** Returns what is left when no code of a program runs any more. */
async function leftAtRest(
  pool: Pool<string>,
  world: World,
  site: Site,
  number: number,
): Promise<Record<string, number>> {
  return await whatStays(async () => {
    const { leased, waiting } = pool.stats();
    return { leased, waiting, ...await world.leftOf(site, number) };
  });
}

/** Drains a pool, and returns how many connections are left; `Infinity` if draining hangs. */
async function leftAfterDrain(pool: Pool<string>, world: World, site: Site): Promise<number> {
  const end = new AbortController();
  const late = sleep(restMsMax, "late", { signal: end.signal }).catch(() => "late");
  const outcome = await Promise.race([late, pool.drain().then(() => "drained")]);
  end.abort();
  if (outcome === "late") {
    await pool.drain({ timeout: 0 });
    return Infinity;
  }
  const { count } = await whatStays(async () => ({ count: await world.connectionCount(site) }));
  return count ?? 0;
}

/** Polls until nothing is left, or the time is up; returns what is left then. */
async function whatStays(
  look: () => Promise<Record<string, number>>,
): Promise<Record<string, number>> {
  const endsAt = performance.now() + restMsMax;
  for (;;) {
    const left = await look();
    if (Object.values(left).every((count) => count === 0)) return left;
    if (performance.now() > endsAt) return left;
    await sleep(4);
  }
}
