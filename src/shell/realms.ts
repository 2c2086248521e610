/**
 * Where actual connections live: with the pool, or with one unit of work.
 *
 * Some hosts, Cloudflare Workers above all, tie sockets, timers and promises to the request
 * that made them. There each unit of work that is within no other has parts of its own, which
 * end with it; what such units share is the definition and nothing that runs.
 */

import type { Admission } from "./admission.ts";
import { createClock, type PoolClock } from "./clock.ts";
import type { Definition } from "./definition.ts";
import type { Handles } from "./handles.ts";
import type { CommonParts, Parts } from "./parts.ts";
import { type MakeParts, makerOf } from "./parts_make.ts";
import type { CompiledMethod } from "./statement.ts";
import type { UnitFrames } from "./unit.ts";

/** What the handles of a pool share while it runs. */
export class SharedParts<Target, Driver> {
  /** Tells the time. */
  readonly clock: PoolClock;
  /** Which unit of work code belongs to. */
  readonly frames: UnitFrames<Target, Driver>;
  /** Who may begin work, through any handle. */
  readonly admission: Admission;
  /** Tells whether work that failed with an error may be done once more. */
  readonly isRepeatable: (error: unknown) => boolean;
  /** The names of the virtual connections, by their numbers. */
  readonly names: readonly string[];
  /** Finds the parameters of an SQL text. */
  readonly compileMethod: (sql: string) => CompiledMethod;
  /** The parts of a pool whose connections live as long as it. */
  readonly only: CommonParts<Target, Driver> | undefined;
  /** All parts that may have connections. */
  readonly live: Set<CommonParts<Target, Driver>> = new Set();
  /** Makes parts for each unit that is within no other; only where they do not live longer. */
  readonly #make: MakeParts<Target, Driver> | undefined;
  #ended: Promise<void> | undefined;
  #isEnded = false;

  /** Starts a pool that has done nothing. */
  constructor(definition: Definition<Target, Driver>, admission: Admission) {
    const { plan, foundation, frames } = definition;
    const { clock = createClock(), isRepeatable, compileMethod } = foundation;
    this.clock = clock;
    this.frames = frames;
    this.admission = admission;
    this.isRepeatable = isRepeatable;
    this.names = plan.virtuals.map(({ name }) => name);
    this.compileMethod = compileMethod;
    const make = makerOf(definition, clock);
    if (plan.lifespan === "pool") this.live.add(this.only = make(admission, undefined));
    // What makes them remembers how each virtual connection was defined.
    else this.#make = make;
  }

  /** Whether all has closed for good. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Returns parts, of the pool or of a unit to come, whose work `admission` counts. */
  partsFor(admission: Admission): CommonParts<Target, Driver> {
    if (this.only !== undefined) return { ...this.only, admission };
    const parts: CommonParts<Target, Driver> = this.#make!(admission, {
      begin: () => {
        this.live.add(parts);
      },
      end: (host) => {
        const closed = parts.interpreter.finish().then(() => void this.live.delete(parts));
        host?.waitUntil(closed);
        return { closed, isAwaited: host !== undefined };
      },
    });
    return parts;
  }

  /** Lets nobody begin any more, and lets what is under way end; fulfilled when all has closed. */
  end(): Promise<void> {
    return this.#ended ??= this.#end();
  }

  async #end(): Promise<void> {
    this.admission.close();
    for (const { interpreter } of this.live) interpreter.report({ type: "resumeRequested" });
    if (this.only === undefined) {
      await this.admission.empty;
    } else {
      const { interpreter } = this.only;
      interpreter.hold.take();
      await Promise.race([this.admission.empty, interpreter.finished]);
      await interpreter.finish();
      interpreter.hold.drop();
    }
    this.#isEnded = true;
  }
}

/** The parts that one handle of a pool works with. */
export class Realms<Target, Driver> {
  /** Tells the time. */
  readonly clock: PoolClock;
  /** Which unit of work code belongs to. */
  readonly frames: UnitFrames<Target, Driver>;
  /** Who may begin work through the handle. */
  readonly admission: Admission;
  /** Tells whether work that failed with an error may be done once more. */
  readonly isRepeatable: (error: unknown) => boolean;
  readonly #shared: SharedParts<Target, Driver>;
  readonly #handles: Handles<Target, Driver>;
  readonly #only: Parts<Target, Driver> | undefined;

  /** Creates those of a handle of the pool, whose work `admission` counts. */
  constructor(
    shared: SharedParts<Target, Driver>,
    admission: Admission,
    handles: Handles<Target, Driver>,
  ) {
    this.clock = shared.clock;
    this.frames = shared.frames;
    this.admission = admission;
    this.isRepeatable = shared.isRepeatable;
    this.#shared = shared;
    this.#handles = handles;
    this.#only = shared.only && { ...shared.partsFor(admission), handles };
  }

  /** Whether each unit that is within no other has parts of its own. */
  get arePerUnit(): boolean {
    return this.#only === undefined;
  }

  /** Returns the parts that code works with: its unit's, or those of a unit that it may begin. */
  here(): Parts<Target, Driver> {
    if (this.#only !== undefined) return this.#only;
    const { admission } = this;
    const handles = this.#handles;
    const unit = this.frames.getStore()?.unit;
    if (unit === undefined || unit.isEnded) {
      return { ...this.#shared.partsFor(admission), handles };
    }
    return unit.parts.admission === admission ? unit.parts : { ...unit.parts, admission, handles };
  }
}
