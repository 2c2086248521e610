/**
 * Lends the driver's connection to holders: each holder gets a proxy of its own in front of the
 * genuine connection. When the lease has ended, the proxy refuses all commands and changes. The
 * driver itself never sees a proxy.
 */

import type { Connection } from "mysql2";
import { Baseline } from "./baseline.ts";
import { fail, noteStreams } from "./commands.ts";
import type { DriverInternals, LiveCommand } from "./mysql2_internals.ts";

/** Returns why a holder may not use a connection (any more); undefined if the holder may. */
export type Refusal = () => unknown;

type Call = (...args: unknown[]) => unknown;
type Callback = (error: unknown, statement?: Handle) => unknown;

/** A prepared statement, as the driver hands it out. */
interface Handle {
  close(): unknown;
}

/** Methods that send commands to the server, and so report a refusal as they report an answer. */
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

/** Methods that change the listeners. */
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

/**
 * Methods that change nothing, or only something of the caller's own: a former holder may still
 * call them.
 */
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

/** Methods that return the object they are called on, which must be the holder's proxy. */
const selfish: ReadonlySet<PropertyKey> = new Set(["connect", "promise"]);

/** The loans of each proxy, and of each connection that was lent. */
const lenders: WeakMap<object, Loans> = new WeakMap();

/** Returns the genuine connection behind a holder's proxy. */
export function genuine(connection: Connection): Connection {
  return lenders.get(connection)?.reached() ?? connection;
}

/** Changes a genuine connection permanently, for all of its holders. */
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
  /** Whether a holder may have reached inner objects of the connection, and may still have them. */
  #isReached = false;
  /** Whether a holder may have the genuine connection. */
  #isGenuineOut = false;

  /** Begins with a connection that has not been lent. */
  constructor(driver: DriverInternals) {
    this.#driver = driver;
  }

  /** Takes the driver's present character set to be the session's. */
  settle(): void {
    this.#charset = this.#driver.config.charsetNumber;
  }

  /** Whether the connection differs from what it was before a holder first had it. */
  get isSpoilt(): boolean {
    if (this.#isWritten || this.#baseline?.isKept === false) return true;
    const { _paused, stream } = this.#driver;
    if (_paused || stream.isPaused()) return true;
    // Code for the driver's own pools adds an error listener to each connection, and never removes
    // it.
    const except = this.#isGenuineOut ? "error" : undefined;
    if (this.#hasListened && !this.#baseline?.areListenersKept(except)) return true;
    this.#hasListened = this.#isGenuineOut;
    return this.#isReached && this.#baseline?.arePartsKept === false;
  }

  /** Returns the genuine connection, and from then on checks all that its holder can change. */
  reached(): Connection {
    this.#isReached = this.#hasListened = this.#isGenuineOut = true;
    return this.#driver as unknown as Connection;
  }

  /** Applies a change that does not count as one by a holder. */
  changeForAll(change: () => void): void {
    const isSpoilt = this.isSpoilt;
    change();
    if (!isSpoilt) this.#baseline = new Baseline(this.#driver);
  }

  /** Puts the connection's own socket back, so that the pool can close the connection. */
  restoreSocket(): void {
    this.#baseline?.restoreSocket();
  }

  /** Whether the driver now writes in another character set than when the session began. */
  get isRecoded(): boolean {
    return this.#driver.config.charsetNumber !== this.#charset;
  }

  /** Returns a proxy of the connection for one holder. */
  lend(refusal: Refusal): Connection {
    this.#baseline ??= new Baseline(this.#driver);
    const driver = this.#driver as unknown as Connection;
    lenders.set(driver, this);
    const calls = new Map<PropertyKey, Call>();
    const own: object = Object.create(null);
    const targetOf = (name: PropertyKey): object => {
      check(refusal);
      if (!Reflect.has(driver, name)) return own;
      // `pause` and `resume` of the driver's class write this property; `isSpoilt` checks it by
      // itself.
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
        // A proxy must not hide the value of a property that can never change.
        if (Object.getOwnPropertyDescriptor(driver, name)?.configurable === false) return value;
        const call = this.#callOf(name, view, refusal);
        calls.set(name, call);
        return call;
      },
      set: (_, name, value) => Reflect.set(targetOf(name), name, value),
      defineProperty: (_, name, descriptor) => {
        const target = targetOf(name);
        if (target === driver) return Reflect.defineProperty(driver, name, descriptor);
        // A proxy must not report a permanent property that its target lacks.
        return descriptor.configurable !== false &&
          Reflect.defineProperty(own, name, { ...descriptor, configurable: true });
      },
      deleteProperty: (_, name) => Reflect.deleteProperty(targetOf(name), name),
    });
    lenders.set(view, this);
    return view;
  }

  /** Notes that a holder gets an inner object of the connection. */
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

/** Returns the traps that show a holder the connection together with the holder's own additions. */
function viewOf(driver: object, own: object): ProxyHandler<Connection> {
  return {
    has: (_, name) => Reflect.has(driver, name) || Reflect.has(own, name),
    ownKeys: () => [...new Set([...Reflect.ownKeys(driver), ...Reflect.ownKeys(own)])],
    getOwnPropertyDescriptor: (_, name) => {
      return Reflect.getOwnPropertyDescriptor(Reflect.has(driver, name) ? driver : own, name);
    },
    // A change that the pool could not undo throws.
    setPrototypeOf: () => false,
    preventExtensions: () => false,
  };
}

function check(refusal: Refusal): void {
  const reason = refusal();
  if (reason !== undefined) throw reason;
}

/** Reports a refusal to the caller in the way the driver reports an error. */
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
  // The driver's own methods make the command, called on an object that only refuses it.
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

/** Returns arguments for `prepare` whose callback gets a handle of the holder's own. */
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
    // Closing it late is no error, and others may use the statement by now.
    close: { value: () => refusal() === undefined ? statement.close() : undefined },
  });
}
