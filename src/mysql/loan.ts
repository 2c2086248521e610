/**
 * The driver's connection as its holders have it: the genuine one, seen through a proxy of each
 * holder's own, which refuses whatever is asked of it when the holder has it no more. The driver
 * itself never sees a proxy.
 */

import type { Connection } from "mysql2";
import { Baseline } from "./baseline.ts";
import { fail, noteStreams } from "./commands.ts";
import type { DriverInternals, LiveCommand } from "./mysql2_internals.ts";

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
  "setMaxListeners",
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

/** What has lent each proxy, and each connection that was lent. */
const lenders: WeakMap<object, Loans> = new WeakMap();

/** Returns the connection that a holder has, without his proxy. */
export function genuine(connection: Connection): Connection {
  return lenders.get(connection)?.reached() ?? connection;
}

/** Changes a connection, without a proxy, for good and for all of its holders. */
export function changeForAll(connection: Connection, change: () => void): void {
  const loans = lenders.get(connection);
  if (loans === undefined) change();
  else loans.changeForAll(change);
}

/** Lends one connection of the driver to one holder after another. */
export class Loans {
  readonly #driver: DriverInternals;
  #baseline: Baseline | undefined;
  #charset = 0;
  #isWritten = false;
  #hasListened = false;
  /** Whether somebody may have what the connection is made of, and may go on to. */
  #isReached = false;
  /** Whether somebody may have the connection itself. */
  #isGenuineOut = false;

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
    // Code for the driver's own pools listens to errors of each connection that it takes, for ever.
    const except = this.#isGenuineOut ? "error" : undefined;
    if (this.#hasListened && !this.#baseline?.areListenersKept(except)) return true;
    this.#hasListened = this.#isGenuineOut;
    return this.#isReached && this.#baseline?.arePartsKept === false;
  }

  /** Returns the connection without a proxy, so that whatever is done to it is looked for. */
  reached(): Connection {
    this.#isReached = this.#hasListened = this.#isGenuineOut = true;
    return this.#driver as unknown as Connection;
  }

  /** Changes it so that the change is none of its holder's. */
  changeForAll(change: () => void): void {
    const isSpoilt = this.isSpoilt;
    change();
    if (!isSpoilt) this.#baseline = new Baseline(this.#driver);
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
    lenders.set(driver, this);
    const calls = new Map<PropertyKey, Call>();
    const own: object = Object.create(null);
    const targetOf = (name: PropertyKey): object => {
      check(refusal);
      if (!Reflect.has(driver, name)) return own;
      // By `pause` and `resume` of the driver's class; that is looked at for itself.
      if (name !== "_paused") this.#isWritten = true;
      return driver;
    };
    const view: Connection = new Proxy(driver, {
      ...viewOf(driver, own),
      get: (_, name) => {
        if (!Reflect.has(driver, name)) return Reflect.get(own, name, view);
        const value: unknown = Reflect.get(driver, name);
        if (typeof value !== "function" || name === "constructor") return this.#reach(name, value);
        const known = calls.get(name);
        if (known !== undefined) return known;
        // A proxy may not hide what can never change.
        if (Object.getOwnPropertyDescriptor(driver, name)?.configurable === false) return value;
        const call = this.#callOf(name, view, refusal);
        calls.set(name, call);
        return call;
      },
      set: (_, name, value) => Reflect.set(targetOf(name), name, value),
      defineProperty: (_, name, descriptor) => {
        const target = targetOf(name);
        if (target === driver) return Reflect.defineProperty(driver, name, descriptor);
        // A proxy may not claim for good what is not there.
        return descriptor.configurable !== false &&
          Reflect.defineProperty(own, name, { ...descriptor, configurable: true });
      },
      deleteProperty: (_, name) => Reflect.deleteProperty(targetOf(name), name),
    });
    lenders.set(view, this);
    return view;
  }

  /** Notes that a holder gets something that the connection is made of. */
  #reach(name: PropertyKey, value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    this.#isReached = this.#hasListened = true;
    if (name === "_statements") this.#baseline?.noteHandles();
    return value;
  }

  #callOf(name: PropertyKey, view: Connection, refusal: Refusal): Call {
    const driver = this.#driver as unknown as Record<PropertyKey, Call>;
    const self: unknown = selfish.has(name) ? view : driver;
    return (...args) => {
      const reason = refusal();
      if (reason !== undefined && !harmless.has(name)) {
        return refuse(this.#driver, name, args, reason);
      }
      if (listening.has(name)) this.#hasListened = this.#isReached = true;
      const given = name === "prepare" ? handingOut(args, view, refusal) : args;
      const result = Reflect.apply(driver[name]!, self, given);
      if (commands.has(name)) noteStreams(result);
      return result === driver ? view : result;
    };
  }
}

/** Returns how a holder sees a connection together with what he alone has added to it. */
function viewOf(driver: object, own: object): ProxyHandler<Connection> {
  return {
    has: (_, name) => Reflect.has(driver, name) || Reflect.has(own, name),
    ownKeys: () => [...new Set([...Reflect.ownKeys(driver), ...Reflect.ownKeys(own)])],
    getOwnPropertyDescriptor: (_, name) => {
      return Reflect.getOwnPropertyDescriptor(Reflect.has(driver, name) ? driver : own, name);
    },
    // What could not be taken back throws.
    setPrototypeOf: () => false,
    preventExtensions: () => false,
  };
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
