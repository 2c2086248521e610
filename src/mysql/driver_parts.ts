/**
 * The inner objects of a driver connection, besides its options: its socket, its packet parsers,
 * its prepared statements. A holder of the connection can reach and change each of them.
 */

import type { EventEmitter } from "node:events";
import type { DriverInternals, PreparedHandle } from "./mysql2_internals.ts";

/** Methods of the socket, most of them inherited from its class. */
const socketMethods: readonly string[] = [
  "cork",
  "destroy",
  "emit",
  "end",
  "on",
  "pause",
  "push",
  "read",
  "resume",
  "write",
];

/** Methods that a connection inherits from the driver's class. */
const driverMethods: readonly string[] = [
  "changeUser",
  "emit",
  "format",
  "on",
  "ping",
  "prepare",
  "resume",
  "write",
  "writePacket",
];

/** Methods that the driver or this package replaces for a while, or at each login. */
const passing: ReadonlySet<string> = new Set(["_authPlugin", "addCommand"]);

/** Events of the socket that the driver, this package or a holder may listen to. */
const socketEvents: readonly string[] = [
  "close",
  "data",
  "drain",
  "end",
  "error",
  "pause",
  "readable",
  "resume",
  "timeout",
];

/** The method of the driver's cache that {@linkcode DriverInternals} does not declare. */
interface Entries {
  entries(): Iterable<[key: string, handle: PreparedHandle]>;
}

/** The socket of a connection; on runtimes other than Node it has none of these properties. */
type Socket = DriverInternals["stream"] & {
  readonly readableEncoding?: string | null;
  readonly timeout?: number;
  readonly writableCorked?: number;
};

/** An object, with a snapshot of its methods. */
class Shape {
  readonly #object: object;
  readonly #prototype: object | null;
  readonly #names: readonly string[];
  readonly #values: readonly unknown[];
  readonly #own: ReadonlySet<string>;
  #count: number;

  /** Takes the snapshot, of the object's own methods and of those named in `inherited`. */
  constructor(object: object, inherited: readonly string[] = []) {
    this.#object = object;
    this.#prototype = Object.getPrototypeOf(object);
    const keys = Object.keys(object);
    const methods = keys.filter((name) => isMethod(object, name));
    this.#own = new Set(methods);
    this.#names = [...this.#own, ...inherited.filter((name) => !this.#own.has(name))];
    this.#values = this.#names.map((name) => Reflect.get(object, name));
    this.#count = keys.length;
  }

  /** Whether the methods and the prototype are unchanged; plain values may come and go. */
  get isKept(): boolean {
    const object = this.#object as Record<string, unknown>;
    for (let i = 0; i < this.#names.length; i++) {
      const value = object[this.#names[i]!];
      if (value !== this.#values[i] && !this.#isOfClass(value)) return false;
    }
    if (Object.getPrototypeOf(object) !== this.#prototype) return false;
    const count = Object.keys(object).length;
    if (count === this.#count) return true;
    this.#count = count;
    return this.#added().length === 0;
  }

  /** Restores the methods and the prototype. */
  restore(): void {
    const object = this.#object;
    Object.setPrototypeOf(object, this.#prototype);
    for (const name of [...this.#added(), ...this.#names]) {
      if (!this.#own.has(name)) Reflect.deleteProperty(object, name);
    }
    this.#names.forEach((name, i) => {
      if (this.#own.has(name)) Reflect.set(object, name, this.#values[i]);
    });
  }

  /**
   * Tells whether a value is a method of the object's class: a parser assigns one after another of
   * these to its own property.
   */
  #isOfClass(value: unknown): boolean {
    const prototype = this.#prototype;
    return typeof value === "function" && prototype !== null && prototype !== Object.prototype &&
      Object.hasOwn(prototype, value.name) && Reflect.get(prototype, value.name) === value;
  }

  /** Returns the names of the methods that the object has gained. */
  #added(): string[] {
    return Object.keys(this.#object).filter((name) => {
      return !this.#own.has(name) && isMethod(this.#object, name);
    });
  }
}

/** A snapshot of the inner objects of a driver connection. */
export class DriverParts {
  readonly #driver: DriverInternals;
  readonly #objects: readonly unknown[];
  readonly #shapes: readonly Shape[];
  readonly #socket: Shape;
  readonly #stream: Socket;
  readonly #state: readonly unknown[];
  readonly #listeners: readonly (readonly unknown[])[];
  #handles: Map<string, readonly [PreparedHandle, number, string]> | undefined;

  /** Takes the snapshot. */
  constructor(driver: DriverInternals) {
    this.#driver = driver;
    this.#objects = objectsOf(driver);
    this.#stream = driver.stream;
    this.#socket = new Shape(driver.stream, socketMethods);
    this.#shapes = [
      new Shape(driver, driverMethods),
      ...this.#objects.filter(isObject).map((object) => new Shape(object)),
    ];
    this.#state = stateOf(driver);
    this.#listeners = socketEvents.map((name) => driver.stream.rawListeners(name));
  }

  /** Whether the objects, their methods, their state and the listeners are unchanged. */
  get isKept(): boolean {
    return isSameList(objectsOf(this.#driver), this.#objects) &&
      isSameList(stateOf(this.#driver), this.#state) &&
      socketEvents.every((name, i) => this.#isListening(name, this.#listeners[i]!)) &&
      this.#socket.isKept && this.#shapes.every((shape) => shape.isKept) && this.#areHandlesKept;
  }

  /** Notes the prepared statements, because a holder is about to reach them. */
  noteHandles(): void {
    this.#handles ??= new Map(
      Array.from(entriesOf(this.#driver), ([key, handle]) => {
        return [key, [handle, handle.id, handle.query]];
      }),
    );
  }

  /** Restores the methods of the socket, so that the pool can close it. */
  restoreSocket(): void {
    this.#socket.restore();
  }

  #isListening(name: string, listeners: readonly unknown[]): boolean {
    if (this.#stream.listenerCount(name) !== listeners.length) return false;
    return listeners.length === 0 || isSameList(this.#stream.rawListeners(name), listeners);
  }

  /** Whether the cache still has under each text the statement that was prepared from it. */
  get #areHandlesKept(): boolean {
    const handles = this.#handles;
    if (handles === undefined) return true;
    for (const [key, handle] of entriesOf(this.#driver)) {
      const [known, id, query] = handles.get(key) ?? [handle, handle.id, handle.query];
      // A statement prepared since then may have the same key.
      if (known === handle && (id !== handle.id || query !== handle.query)) return false;
      if (!key.endsWith(handle.query)) return false;
    }
    return true;
  }
}

function isMethod(object: object, name: string): boolean {
  return typeof Reflect.get(object, name) === "function" && !passing.has(name);
}

function entriesOf({ _statements }: DriverInternals): Iterable<[string, PreparedHandle]> {
  return (_statements as unknown as Entries).entries();
}

function objectsOf(driver: DriverInternals): unknown[] {
  const { packetParser, _inflatedPacketsParser } = driver;
  return [
    packetParser,
    packetParser.largePacketParts,
    _inflatedPacketsParser,
    _inflatedPacketsParser?.largePacketParts,
    driver._commands,
    driver._statements,
    driver._handshakePacket,
  ];
}

function stateOf(driver: DriverInternals): unknown[] {
  const stream: Socket = driver.stream;
  return [
    (driver as unknown as EventEmitter).getMaxListeners(),
    stream.writableCorked,
    stream.readableEncoding,
    stream.timeout || undefined,
    stream.getMaxListeners(),
    stream.writable,
  ];
}

function isSameList(some: readonly unknown[], others: readonly unknown[]): boolean {
  return some.length === others.length && some.every((each, i) => each === others[i]);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
