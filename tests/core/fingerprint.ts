/**
 * Which places count as one: those whose world and pool differ only in ids, and in times that
 * are too long ago to matter.
 *
 * A fingerprint has all that the pool keeps, even what follows from the rest: a faulty pool may
 * be in another state than its world implies.
 */

import type { Actual, PoolState, Target, Waiter } from "../../src/core/mod.ts";
import { all, type Fifo } from "../../src/core/fifo.ts";
import { entries, type Table } from "../../src/core/table.ts";
import { type Down, type Place, STATUSES } from "./world.ts";

/** Returns the same text for places that count as one. */
export function fingerprint(place: Place): string {
  const namer = new Namer(place);
  return `${printWorld(place, namer)}#${printPool(place.pool, namer)}`;
}

/** Replaces ids by their order, and instants by their distance from now. */
class Namer {
  readonly #place: Place;
  readonly #leases: readonly number[];
  readonly #ranks: readonly number[];

  constructor(place: Place) {
    const { waits, held } = place.world;
    this.#place = place;
    this.#leases = [...waits, ...held].map(({ lease }) => lease).sort((a, b) => a - b);
    this.#ranks = entries(place.pool.actuals).map(({ value }) => value.idleOrder).sort((a, b) =>
      a - b
    );
  }

  lease(lease: number): number {
    return this.#leases.indexOf(lease);
  }

  leases(table: Table<Waiter>): string {
    return entries(table).map(({ key }) => this.lease(key)).join("+");
  }

  inQueue(queue: Fifo<Waiter>): string {
    return all(queue).map(({ lease }) => this.lease(lease)).join("+");
  }

  left(at: number | undefined): number {
    return at === undefined ? 0 : Math.max(0, at - this.#place.now);
  }

  down(down: Pick<Down, "until" | "failures"> | undefined): string {
    if (down === undefined) return "";
    const { backoffMax, backoffMin } = this.#place.configuration.policy;
    const failuresMax = 1 + Math.ceil(Math.log2(backoffMax / backoffMin));
    const memoryEndsAt = down.until + backoffMax;
    const failures = this.left(memoryEndsAt) > 0 ? Math.min(failuresMax, down.failures) : "-";
    return `${failures} ${this.left(down.until)} ${this.left(memoryEndsAt)}`;
  }

  actual(actual: Actual): string {
    const { status, target, servesSince, agesAt, restedAt, idleOrder, lease, virtual, encloses } =
      actual;
    if (status === "connecting" || status === "closing") return `${status} ${target}`;
    const { pool, configuration: { policy } } = this.#place;
    const maxIdle = Math.max(finite(policy.idleTimeout), finite(policy.validateAfter) + 1);
    const isIdle = status === "idle";
    return [
      status,
      target,
      actual.suspicions < pool.suspicions,
      actual.id < pool.retiredBelow,
      this.left(agesAt),
      this.#since(servesSince!, finite(policy.handoverMs)),
      isIdle ? `${this.#since(restedAt!, maxIdle)} ${this.#ranks.indexOf(idleOrder)}` : "",
      status === "leased" ? `${this.lease(lease)}/${virtual} ${encloses}` : "",
    ].join(" ");
  }

  #since(at: number, max: number): number {
    return Math.min(this.#place.now - at, max);
  }
}

function finite(span: number): number {
  return Number.isFinite(span) ? span : 0;
}

function printWorld({ pool, world }: Place, namer: Namer): string {
  const { full } = world;
  const told = new Map(entries(pool.actuals).map(({ key, value }) => [key, value]));
  return [
    world.phase,
    world.conns.map((conn) => {
      const actual = told.get(conn.id);
      const isGoing = conn.isRetired && (conn.status === "connecting" || conn.status === "leased");
      return `${actual === undefined ? conn.status : namer.actual(actual)} ${isGoing}`;
    }).sort().join(),
    world.waits.map(({ lease, virtual, target, enclosing }) =>
      `${namer.lease(lease)} ${virtual} ${target} ${
        enclosing.map((outer) => namer.lease(outer.lease)).join("+")
      }`
    ).join(),
    world.down.map((down) => namer.down(down)).join(),
    full && `${full.ceiling} ${full.borne} ${namer.down(full)}`,
    world.pace.join(),
    world.awake.join(),
    namer.left(world.agesFrom),
  ].join("|");
}

function printPool(pool: PoolState, namer: Namer): string {
  const { congestion } = pool;
  return [
    pool.phase,
    entries(pool.targets).map(({ value }) => printTarget(value, namer)).join(),
    entries(pool.virtuals).map(({ key, value: { slots, blocked, enclosing, isActive } }) =>
      `${key} ${slots} ${namer.inQueue(blocked)} ${enclosing} ${isActive}`
    ).join(),
    pool.enclosing,
    namer.leases(pool.enclosed),
    STATUSES.map((status) => pool[status]).join(),
    [pool.waiting, pool.blocked, pool.wanted].join(),
    congestion &&
    `${congestion.ceiling} ${
      namer.down({ until: congestion.retryAt, failures: congestion.failures })
    }`,
    namer.left(pool.agesFrom),
  ].join("|");
}

function printTarget(target: Target, namer: Namer): string {
  const { id, queue, blocked, arriving, opening, openRate, live, minimum, outage } = target;
  const down = outage && { until: outage.retryAt, failures: outage.failures };
  return [
    id,
    namer.inQueue(queue),
    [blocked, arriving, opening, openRate, live, minimum, target.wanted],
    namer.down(down),
    [target.needed, target.probing].map((key) => key !== undefined && namer.lease(key)),
    [target.belowMinimum, target.resting].map((key) => key !== undefined),
  ].join(" ");
}
