/**
 * A snapshot of a driver connection before its first holder gets it: its options, its socket and
 * its listeners. A holder who changes any of these changes what the next holder's statements do.
 */

import { DriverParts } from "./driver_parts.ts";
import type { DriverInternals } from "./mysql2_internals.ts";

/**
 * Options that the driver and this package write during the life of a connection: either they are
 * written again before their next use, or they affect no statement.
 */
const changing: ReadonlySet<string> = new Set([
  "charsetNumber",
  "database",
  "gracefulEnd",
  "password",
  "password2",
  "password3",
  "passwordSha1",
  "trace",
  "user",
]);

/** Events of the socket that the driver and this package listen to. */
const socketEvents: readonly string[] = ["close", "data", "end", "error"];

/** The options, or an object nested in them, with its entries in order. */
interface Part {
  readonly object: Record<string, unknown>;
  readonly names: readonly string[];
  /** The values of the entries; {@linkcode any} for an entry that may change. */
  readonly values: readonly unknown[];
}

/** Stands for any value. */
const any: unique symbol = Symbol("any");

/** A snapshot of a driver connection, to compare the connection with later. */
export class Baseline {
  readonly #driver: DriverInternals;
  readonly #config: object;
  readonly #parts: readonly Part[];
  readonly #stream: DriverInternals["stream"];
  readonly #streamCounts: readonly number[];
  readonly #listeners: ReadonlyMap<string | symbol, readonly unknown[]>;
  readonly #handshake: readonly Part[];
  readonly #symbolCount: number;
  readonly #driverParts: DriverParts;

  /** Takes the snapshot. */
  constructor(driver: DriverInternals) {
    this.#driver = driver;
    this.#config = driver.config;
    this.#parts = partsOf(driver.config);
    this.#stream = driver.stream;
    this.#streamCounts = socketEvents.map((name) => driver.stream.listenerCount(name));
    this.#listeners = listenersOf(driver);
    this.#handshake = partsOf(driver._handshakePacket ?? {});
    this.#symbolCount = Object.getOwnPropertySymbols(driver.config).length;
    this.#driverParts = new DriverParts(driver);
  }

  /** Whether the options, the socket and the number of its listeners are unchanged. */
  get isKept(): boolean {
    const { config, stream } = this.#driver;
    return config === this.#config && stream === this.#stream && Object.isExtensible(config) &&
      this.#parts.every(isSame) &&
      socketEvents.every((name, i) => stream.listenerCount(name) === this.#streamCounts[i]);
  }

  /** Whether the inner objects are unchanged; checked only after a holder may have reached them. */
  get arePartsKept(): boolean {
    return Object.getOwnPropertySymbols(this.#config).length === this.#symbolCount &&
      this.#handshake.every(isSame) && this.#driverParts.isKept;
  }

  /** Notes the prepared statements, because a holder is about to reach them. */
  noteHandles(): void {
    this.#driverParts.noteHandles();
  }

  /** Puts the original socket and its methods back, so that the pool can close the connection. */
  restoreSocket(): void {
    this.#driver.stream = this.#stream;
    this.#driverParts.restoreSocket();
  }

  /** Whether the listeners are unchanged; further listeners to the event `except` do not count. */
  areListenersKept(except?: string): boolean {
    const now = listenersOf(this.#driver);
    const names = new Set([...now.keys(), ...this.#listeners.keys()]);
    return [...names].every((name) => {
      const [its, before] = [now.get(name) ?? [], this.#listeners.get(name) ?? []];
      return isSameList(name === except ? its.slice(0, before.length) : its, before);
    });
  }
}

function listenersOf(driver: DriverInternals): Map<string | symbol, readonly unknown[]> {
  return new Map(driver.eventNames().map((name) => [name, driver.rawListeners(name)]));
}

function isSameList(some: readonly unknown[], others: readonly unknown[]): boolean {
  return some.length === others.length && some.every((each, i) => each === others[i]);
}

/** Returns an object and the plain objects and arrays nested in it. */
function partsOf(config: object): Part[] {
  const parts: Part[] = [];
  const known = new Set<unknown>();
  const add = (object: Record<string, unknown>, mayChange: (name: string) => boolean): void => {
    known.add(object);
    const names = Object.keys(object);
    const values = names.map((name) => mayChange(name) ? any : object[name]);
    parts.push({ object, names, values });
    for (const value of values) if (isPlain(value) && !known.has(value)) add(value, () => false);
  };
  add(config as Record<string, unknown>, (name) => changing.has(name));
  return parts;
}

/** Uses for-in, which costs a fifth of looking the entries up by a list of names. */
function isSame(part: Part): boolean {
  const { object, names, values } = part;
  let at = 0;
  for (const name in object) {
    const value = values[at];
    if (name !== names[at++] || value !== any && object[name] !== value) return isHidden(part);
  }
  return at === names.length || isHidden(part);
}

/**
 * Tells whether an object has the same entries, some of which are now not enumerable, as when knex
 * hides passwords.
 */
function isHidden({ object, names, values }: Part): boolean {
  return Object.keys(object).every((name) => names.includes(name)) &&
    names.every((name, i) =>
      Object.hasOwn(object, name) && (values[i] === any || object[name] === values[i])
    );
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}
