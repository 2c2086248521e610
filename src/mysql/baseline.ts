/**
 * What the driver's connection is like before somebody has it: its options, its socket, and who
 * listens to it. A holder who changes these changes what the next one's statements do.
 */

import { DriverParts } from "./driver_parts.ts";
import type { DriverInternals } from "./mysql2_internals.ts";

/**
 * Options that the driver and this package write while a connection lasts, whose next use is
 * preceded by another write, or which change no statement.
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

/** What is listened to on the socket by the driver and by this package. */
const socketEvents: readonly string[] = ["close", "data", "end", "error"];

/** The options, or an object among them, with its entries in order. */
interface Part {
  readonly object: Record<string, unknown>;
  readonly names: readonly string[];
  /** Their values, {@linkcode any} where that may change. */
  readonly values: readonly unknown[];
}

/** Stands for whatever value. */
const any: unique symbol = Symbol("any");

/** How a connection of the driver was. */
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

  /** Notes how a connection is. */
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

  /** Whether its options and its socket are as they were. */
  get isKept(): boolean {
    const { config, stream } = this.#driver;
    return config === this.#config && stream === this.#stream && Object.isExtensible(config) &&
      this.#parts.every(isSame) &&
      socketEvents.every((name, i) => stream.listenerCount(name) === this.#streamCounts[i]);
  }

  /** Whether what it is made of is as it was; looked at only where somebody has reached that. */
  get arePartsKept(): boolean {
    return Object.getOwnPropertySymbols(this.#config).length === this.#symbolCount &&
      this.#handshake.every(isSame) && this.#driverParts.isKept;
  }

  /** Notes what is prepared, as somebody is about to reach that. */
  noteHandles(): void {
    this.#driverParts.noteHandles();
  }

  /** Gives it its own socket back, and that its methods, so that it can be closed. */
  restoreSocket(): void {
    this.#driver.stream = this.#stream;
    this.#driverParts.restoreSocket();
  }

  /** Whether the same listen to it as did, and no other except to an event that is let be. */
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

/** Returns the options and the plain objects among them. */
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

/** To go through an object costs a fifth of reading its entries by a list of names. */
function isSame(part: Part): boolean {
  const { object, names, values } = part;
  let at = 0;
  for (const name in object) {
    const value = values[at];
    if (name !== names[at++] || value !== any && object[name] !== value) return isHidden(part);
  }
  return at === names.length || isHidden(part);
}

/** Tells whether an object has the same entries, but hides some, as knex hides passwords. */
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
