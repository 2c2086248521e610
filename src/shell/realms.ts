/**
 * Where actual connections live: with the pool, or with one unit of work.
 *
 * Some hosts, Cloudflare Workers above all, tie sockets, timers and promises to the request
 * that made them. There each unit of work that is within no other has parts of its own, which
 * end with it; what such units share is the definition and nothing that runs.
 */

import type { Admission } from "./admission.ts";
import type { PoolClock } from "./clock.ts";
import { unknownName } from "./nearest.ts";
import type { Home, Parts, Realm } from "./parts.ts";
import type { Frames } from "./context.ts";

/** How long actual connections live at most: as long as their pool, or as one unit of work. */
export type Lifespan = "pool" | "unit";

/** What the realms of a pool are made of. */
export interface RealmSetting<Target, Driver> {
  /** How long connections live. */
  readonly lifespan: Lifespan;
  /** Tells the time. */
  readonly clock: PoolClock;
  /** Which unit of work code belongs to. */
  readonly frames: Frames<Target, Driver>;
  /** Who may begin work. */
  readonly admission: Admission;
  /** Tells whether work that failed with an error may be done once more. */
  readonly isRepeatable: (error: unknown) => boolean;
  /** Makes parts that have done nothing. */
  readonly make: (realm: Realm | undefined) => Parts<Target, Driver>;
}

/** The parts of a pool, or of each of its units. */
export class Realms<Target, Driver> {
  /** Tells the time. */
  readonly clock: PoolClock;
  /** Which unit of work code belongs to. */
  readonly frames: Frames<Target, Driver>;
  /** Who may begin work. */
  readonly admission: Admission;
  /** Tells whether work that failed with an error may be done once more. */
  readonly isRepeatable: (error: unknown) => boolean;
  readonly #makeFor: RealmSetting<Target, Driver>["make"];
  readonly #only: Parts<Target, Driver> | undefined;
  readonly #live = new Set<Parts<Target, Driver>>();
  #isEnded = false;

  /** Makes the parts of a pool whose connections live as long as it. */
  constructor(setting: RealmSetting<Target, Driver>) {
    const { lifespan, clock, frames, admission, isRepeatable, make } = setting;
    this.clock = clock;
    this.frames = frames;
    this.admission = admission;
    this.isRepeatable = isRepeatable;
    const only = lifespan === "pool" ? make(undefined) : undefined;
    this.#only = only;
    // What makes them remembers how each virtual connection was defined.
    this.#makeFor = only === undefined ? make : () => only;
    if (only !== undefined) this.#live.add(only);
  }

  /** Whether each unit that is within no other has parts of its own. */
  get arePerUnit(): boolean {
    return this.#only === undefined;
  }

  /** Whether all has closed for good. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** All parts that may have connections. */
  get live(): Iterable<Parts<Target, Driver>> {
    return this.#live;
  }

  /** Returns the parts that code works with: its unit's, or those of a unit that it may begin. */
  here(): Parts<Target, Driver> {
    if (this.#only !== undefined) return this.#only;
    const unit = this.frames.getStore()?.unit;
    return unit === undefined || unit.isEnded ? this.#make() : unit.parts;
  }

  /** Lets nobody begin any more, and lets what is under way end; fulfilled when all has closed. */
  async end(): Promise<void> {
    this.admission.close();
    for (const { interpreter } of this.#live) interpreter.report({ type: "resumeRequested" });
    if (this.#only === undefined) {
      await this.admission.empty;
    } else {
      const { interpreter } = this.#only;
      interpreter.hold.take();
      await Promise.race([this.admission.empty, interpreter.finished]);
      await interpreter.finish();
      interpreter.hold.drop();
    }
    this.#isEnded = true;
  }

  #make(): Parts<Target, Driver> {
    const parts: Parts<Target, Driver> = this.#makeFor({
      begin: () => {
        this.#live.add(parts);
      },
      end: (host) => {
        const closed = parts.interpreter.finish().then(() => void this.#live.delete(parts));
        host?.waitUntil(closed);
        return { closed, isAwaited: host !== undefined };
      },
    });
    return parts;
  }
}

/** Returns the virtual connection of a name; throws if there is none. */
export function homeNamed<Target>(homes: readonly Home<Target>[], name: string): Home<Target> {
  const home = homes.find((home) => home.name === name);
  if (home === undefined) throw unknownName(name, homes.map((home) => home.name));
  return home;
}
