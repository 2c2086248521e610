/**
 * What runs statements in exactly one unit of work, or in one transaction of it, whatever the
 * context of the code that uses it: a worker loop, a batcher or an emitter that was started
 * elsewhere does not lose it.
 */

import type { VirtualId } from "../core/mod.ts";
import { type Frame, type Frames, isBelow } from "./context.ts";
import type { Engine } from "./engine.ts";
import { unknownName } from "./nearest.ts";
import type { CompiledMethod } from "./virtual_connection.ts";
import { type Running, VirtualConnection } from "./virtual_connection.ts";
import { UnitHandle } from "./unit_handle.ts";

/** What handles are made of. */
export interface HandleSetting<Target, Driver> {
  /** What runs the pool. */
  readonly engine: Engine<Target, Driver>;
  /** Which unit of work code belongs to. */
  readonly frames: Frames<Target, Driver>;
  /** The names of the virtual connections, by their numbers. */
  readonly names: readonly string[];
  /** Finds the parameters of an SQL text. */
  readonly compile: (sql: string) => CompiledMethod;
}

/** Makes handles. */
export class Handles<Target, Driver> {
  readonly #setting: HandleSetting<Target, Driver>;

  /** Creates what has made none. */
  constructor(setting: HandleSetting<Target, Driver>) {
    this.#setting = setting;
  }

  /** Returns a virtual connection whose statements run where a frame says. */
  connection(frame: Frame<Target, Driver>, id: VirtualId): VirtualConnection<Target, Driver> {
    const { names, compile } = this.#setting;
    return new VirtualConnection(this.#bind(frame), names[id] as string, id, compile);
  }

  /** Returns all virtual connections, bound likewise. */
  unit(frame: Frame<Target, Driver>): UnitHandle<string, Target, Driver> {
    return new UnitHandle((name) => {
      const id = this.#setting.names.indexOf(name);
      if (id < 0) throw unknownName(name, this.#setting.names);
      return this.connection(frame, id);
    });
  }

  /** Code below the frame, as in a savepoint of its transaction, goes on where it is. */
  #bind(frame: Frame<Target, Driver>): Running<Target, Driver> {
    const { engine, frames } = this.#setting;
    const within = <T>(fn: () => T): T =>
      isBelow(frames.getStore(), frame) ? fn() : frames.run(frame, fn);
    return {
      engine: {
        statement: (id, asked) => within(() => engine.statement(id, asked)),
        transaction: (id, fn, options) => within(() => engine.transaction(id, fn, options)),
        lease: (id, options) => within(() => engine.lease(id, options)),
        targetOf: (id) => within(() => engine.targetOf(id)),
      },
    };
  }
}
