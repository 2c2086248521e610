/**
 * The objects that the driver's connection is made of, besides its options: its socket, what reads
 * packets, what it has prepared. Whoever has the connection can reach and change each of them.
 */

import type { EventEmitter } from "node:events";
import type { DriverInternals, PreparedHandle } from "./mysql2_internals.ts";

/** Methods of the socket, most of which are its class's. */
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

/** Methods of the driver's class. */
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

/** Methods of the driver that it or this package replaces for a while, or at each login. */
const passing: ReadonlySet<string> = new Set(["_authPlugin", "addCommand"]);

/** What is listened to on the socket, by the driver, this package or its holder. */
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

/** What {@linkcode DriverInternals} does not tell of a cache of the driver. */
interface Entries {
  entries(): Iterable<[key: string, handle: PreparedHandle]>;
}

/** Its socket; that of another runtime than Node's has none of these. */
type Socket = DriverInternals["stream"] & {
  readonly readableEncoding?: string | null;
  readonly timeout?: number;
  readonly writableCorked?: number;
};

/** An object, and what it did. */
class Shape {
  readonly #object: object;
  readonly #prototype: object | null;
  readonly #names: readonly string[];
  readonly #values: readonly unknown[];
  readonly #own: ReadonlySet<string>;
  #count: number;

  /** Notes what an object does, `inherited` by its class among it. */
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

  /** Whether it still does that; plain values may come and go. */
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

  /** Has it do what it did. */
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

  /** Tells whether it is of its class: a parser goes from one method of that to another. */
  #isOfClass(value: unknown): boolean {
    const prototype = this.#prototype;
    return typeof value === "function" && prototype !== null && prototype !== Object.prototype &&
      Object.hasOwn(prototype, value.name) && Reflect.get(prototype, value.name) === value;
  }

  /** Returns the methods that it has got. */
  #added(): string[] {
    return Object.keys(this.#object).filter((name) => {
      return !this.#own.has(name) && isMethod(this.#object, name);
    });
  }
}

/** What a connection of the driver is made of, as it was. */
export class DriverParts {
  readonly #driver: DriverInternals;
  readonly #objects: readonly unknown[];
  readonly #shapes: readonly Shape[];
  readonly #socket: Shape;
  readonly #stream: Socket;
  readonly #state: readonly unknown[];
  readonly #listeners: readonly (readonly unknown[])[];
  #handles: Map<string, readonly [PreparedHandle, number, string]> | undefined;

  /** Notes how they are. */
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

  /** Whether they are the same, and do the same. */
  get isKept(): boolean {
    return isSameList(objectsOf(this.#driver), this.#objects) &&
      isSameList(stateOf(this.#driver), this.#state) &&
      socketEvents.every((name, i) => this.#isListening(name, this.#listeners[i]!)) &&
      this.#socket.isKept && this.#shapes.every((shape) => shape.isKept) && this.#areHandlesKept;
  }

  /** Notes what is prepared, as somebody is about to reach that. */
  noteHandles(): void {
    this.#handles ??= new Map(
      Array.from(entriesOf(this.#driver), ([key, handle]) => {
        return [key, [handle, handle.id, handle.query]];
      }),
    );
  }

  /** Gives the socket its methods back, so that it can be closed. */
  restoreSocket(): void {
    this.#socket.restore();
  }

  #isListening(name: string, listeners: readonly unknown[]): boolean {
    if (this.#stream.listenerCount(name) !== listeners.length) return false;
    return listeners.length === 0 || isSameList(this.#stream.rawListeners(name), listeners);
  }

  /** Whether each text still leads to what was prepared of it. */
  get #areHandlesKept(): boolean {
    const handles = this.#handles;
    if (handles === undefined) return true;
    for (const [key, handle] of entriesOf(this.#driver)) {
      const [known, id, query] = handles.get(key) ?? [handle, handle.id, handle.query];
      // What was prepared since may be under the same key.
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
