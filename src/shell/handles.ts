/**
 * What runs statements in exactly one unit of work, or in one transaction of it, whatever the
 * context of the code that uses it: a worker loop, a batcher or an emitter that was started
 * elsewhere does not lose it.
 */

import type { VirtualId } from "../core/mod.ts";
import { isBelow } from "./context.ts";
import type { Engine } from "./engine.ts";
import { unknownName } from "./nearest.ts";
import type { SharedParts } from "./realms.ts";
import { VirtualConnection, type VirtualEngine } from "./virtual_connection.ts";
import type { UnitFrame } from "./unit.ts";
import { UnitHandle } from "./unit_handle.ts";

/** Makes handles. */
export class Handles<Target, Driver> {
  readonly #engine: Engine<Target, Driver>;
  readonly #shared: SharedParts<Target, Driver>;

  /** Creates what has made none; `engine` runs what they are asked for. */
  constructor(engine: Engine<Target, Driver>, shared: SharedParts<Target, Driver>) {
    this.#engine = engine;
    this.#shared = shared;
  }

  /** Returns a virtual connection whose statements run where a frame says. */
  connection(frame: UnitFrame<Target, Driver>, id: VirtualId): VirtualConnection<Target, Driver> {
    const { names, compileMethod } = this.#shared;
    return new VirtualConnection(this.#bind(frame), names[id] as string, id, compileMethod);
  }

  /** Returns all virtual connections, bound likewise. */
  unit(frame: UnitFrame<Target, Driver>): UnitHandle<string, Target, Driver> {
    return new UnitHandle((name) => {
      const { names } = this.#shared;
      const id = names.indexOf(name);
      if (id < 0) throw unknownName(name, names);
      return this.connection(frame, id);
    });
  }

  /** Code below the frame, as in a savepoint of its transaction, goes on where it is. */
  #bind(frame: UnitFrame<Target, Driver>): VirtualEngine<Target, Driver> {
    const engine = this.#engine;
    const { frames } = this.#shared;
    const within = <T>(fn: () => T): T => {
      const caller = frames.getStore();
      if (isBelow(caller, frame)) return fn();
      const { unit, signal } = frame;
      return frames.run({ unit, parent: frame, scope: undefined, signal, caller }, fn);
    };
    return {
      statement: (id, asked) => within(() => engine.statement(id, asked)),
      transaction: (id, fn, options) => within(() => engine.transaction(id, fn, options)),
      lease: (id, options) => within(() => engine.lease(id, options)),
      targetOf: (id) => within(() => engine.targetOf(id)),
    };
  }
}
