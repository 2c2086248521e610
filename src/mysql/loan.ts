/**
 * The driver's connection as its holders have it: the genuine one, seen through a proxy of each
 * holder's own, which refuses whatever is asked of it when the holder has it no more. The driver
 * itself never sees a proxy.
 */

import type { Connection } from "mysql2";
import { Baseline } from "./baseline.ts";
import { fail } from "./commands.ts";
import type { DriverInternals, LiveCommand } from "./internals.ts";

/** Returns why a holder may not use a connection (any more); undefined if he may. */
export type Refusal = () => unknown;

type Call = (...args: unknown[]) => unknown;
type Callback = (error: unknown, statement?: Handle) => unknown;

/** A prepared statement, as the driver hands it out. */
interface Handle {
  close(): unknown;
}

/** What has the server do something, so that it is told of a refusal as it is of an answer. */
const commands: ReadonlySet<PropertyKey> = new Set([
  "addCommand",
  "beginTransaction",
  "changeUser",
  "commit",
  "execute",
  "ping",
  "prepare",
  "query",
  "reset",
  "rollback",
]);

/** What changes who listens. */
const listening: ReadonlySet<PropertyKey> = new Set([
  "addListener",
  "off",
  "on",
  "once",
  "prependListener",
  "prependOnceListener",
  "removeAllListeners",
  "removeListener",
]);

/** What changes nothing, or only for who calls it: whoever has it may go on to. */
const harmless: ReadonlySet<PropertyKey> = new Set([
  "escape",
  "escapeId",
  "eventNames",
  "format",
  "getMaxListeners",
  "listenerCount",
  "listeners",
  "off",
  "promise",
  "raw",
  "rawListeners",
  "removeListener",
  ...Object.getOwnPropertyNames(Object.prototype),
]);

/** What hands out the object that it is called on, which is to be the holder's. */
const selfish: ReadonlySet<PropertyKey> = new Set(["connect", "promise"]);

/** What each proxy stands for. */
const originals: WeakMap<object, Connection> = new WeakMap();

/** Returns the connection that a holder has, without his proxy. */
export function genuine(connection: Connection): Connection {
  return originals.get(connection) ?? connection;
}

/** Lends one connection of the driver to one holder after another. */
export class Loans {
  readonly #driver: DriverInternals;
  #baseline: Baseline | undefined;
  #charset = 0;
  #isWritten = false;
  #hasListened = false;

  /** Creates what has lent nothing. */
  constructor(driver: DriverInternals) {
    this.#driver = driver;
  }

  /** Takes the character set that the driver writes in to be the session's. */
  settle(): void {
    this.#charset = this.#driver.config.charsetNumber;
  }

  /** Whether the connection differs from what it was before somebody had it. */
  get isSpoilt(): boolean {
    if (this.#isWritten || this.#baseline?.isKept === false) return true;
    const { _paused, stream } = this.#driver;
    if (_paused || stream.isPaused()) return true;
    if (this.#hasListened && !this.#baseline?.areListenersKept) return true;
    this.#hasListened = false;
    return false;
  }

  /** Gives the connection its own socket back, so that it can be closed. */
  restoreSocket(): void {
    this.#baseline?.restoreSocket();
  }

  /** Whether the driver writes in another character set than the session began with. */
  get isRecoded(): boolean {
    return this.#driver.config.charsetNumber !== this.#charset;
  }

  /** Returns the connection for one holder. */
  lend(refusal: Refusal): Connection {
    this.#baseline ??= new Baseline(this.#driver);
    const driver = this.#driver as unknown as Connection;
    const calls = new Map<PropertyKey, Call>();
    const write = (name: PropertyKey): void => {
      check(refusal);
      // By `pause` and `resume` of the driver's class; that is looked at for itself.
      if (name !== "_paused") this.#isWritten = true;
    };
    const view: Connection = new Proxy(driver, {
      get: (_, name) => {
        const value: unknown = Reflect.get(driver, name);
        if (typeof value !== "function" || name === "constructor") return value;
        const known = calls.get(name);
        if (known !== undefined) return known;
        // A proxy may not hide what can never change.
        if (Object.getOwnPropertyDescriptor(driver, name)?.configurable === false) return value;
        const call = this.#callOf(name, view, refusal);
        calls.set(name, call);
        return call;
      },
      set: (_, name, value) => {
        write(name);
        return Reflect.set(driver, name, value);
      },
      defineProperty: (_, name, descriptor) => {
        write(name);
        return Reflect.defineProperty(driver, name, descriptor);
      },
      deleteProperty: (_, name) => {
        write(name);
        return Reflect.deleteProperty(driver, name);
      },
      // What could not be taken back throws.
      setPrototypeOf: () => false,
      preventExtensions: () => false,
    });
    originals.set(view, driver);
    return view;
  }

  #callOf(name: PropertyKey, view: Connection, refusal: Refusal): Call {
    const driver = this.#driver as unknown as Record<PropertyKey, Call>;
    const self: unknown = selfish.has(name) ? view : driver;
    return (...args) => {
      const reason = refusal();
      if (reason !== undefined && !harmless.has(name)) {
        return refuse(this.#driver, name, args, reason);
      }
      if (listening.has(name)) this.#hasListened = true;
      const given = name === "prepare" ? handingOut(args, view, refusal) : args;
      const result = Reflect.apply(driver[name]!, self, given);
      return result === driver ? view : result;
    };
  }
}

function check(refusal: Refusal): void {
  const reason = refusal();
  if (reason !== undefined) throw reason;
}

/** Tells the caller why nothing is done, as the driver tells of an error. */
function refuse(
  driver: DriverInternals,
  name: PropertyKey,
  args: readonly unknown[],
  reason: unknown,
): unknown {
  if (!commands.has(name)) throw reason;
  const addCommand = (command: LiveCommand): LiveCommand => {
    fail(command, reason, raise);
    return command;
  };
  // The driver's own methods, of an object that only refuses, make the command.
  const prototype = Object.getPrototypeOf(driver);
  const refusing = Object.create(prototype, {
    config: { value: driver.config },
    addCommand: { value: addCommand, writable: true },
  });
  return Reflect.apply(refusing[name], refusing, args);
}

function raise(error: unknown): never {
  throw error;
}

/** Returns the arguments of `prepare`, for a callback that gets a handle of the holder's own. */
function handingOut(
  [options, callback]: readonly unknown[],
  view: Connection,
  refusal: Refusal,
): unknown[] {
  if (typeof callback !== "function") return [options];
  const answer: Callback = (error, statement) => {
    return callback(error, statement && handleOf(statement, view, refusal));
  };
  return [options, answer];
}

function handleOf(statement: Handle, view: Connection, refusal: Refusal): Handle {
  return Object.create(statement, {
    _connection: { value: view },
    // To close it late is no fault, and others may use it by now.
    close: { value: () => refusal() === undefined ? statement.close() : undefined },
  });
}
