/**
 * The events of a pool: for its listeners, and on `node:diagnostics_channel`.
 *
 * The pool queues events while the core steps and calls listeners afterwards, so that a listener
 * may use the pool. A listener runs in the async context of the code that caused the event, but
 * outside any unit of work. If a listener throws, its error becomes an uncaught exception; the
 * pool and the other listeners go on.
 */

import { channel } from "node:diagnostics_channel";
import type { RefuseReason, RetireReason } from "../core/mod.ts";
import type { Condition, RawConnection } from "../port/session.ts";
import { didYouMean } from "./did_you_mean.ts";
import { SubletError } from "./errors.ts";

/** The actual connection that an event is about. */
export interface ConnectionEvent<Driver extends object = object> {
  /** The driver's own connection. */
  readonly connection: Driver;
  /** The server's number for it, as CONNECTION_ID() returns it. */
  readonly threadId: number;
}

/** The events of a pool, each with the argument that its listeners get. */
export interface PoolEvents<Driver extends object = object> {
  /** The pool has opened an actual connection. */
  connection: ConnectionEvent<Driver>;
  /** The pool has granted a lease through `virtual`, after a wait of `waitMs`. */
  acquire: ConnectionEvent<Driver> & { readonly virtual: string; readonly waitMs: number };
  /** A caller has released a lease after `heldMs`. */
  release: ConnectionEvent<Driver> & {
    readonly virtual: string;
    readonly heldMs: number;
    readonly condition: Condition;
  };
  /** A request for a lease has to wait. */
  enqueue: { readonly virtual: string };
  /** The pool is about to close an actual connection, for `reason`. */
  remove: ConnectionEvent<Driver> & { readonly reason: RetireReason };
  /** The pool has refused a request for a lease. */
  refuse: { readonly virtual: string; readonly reason: RefuseReason; readonly cause: unknown };
  /** A statement has ended, with an answer or an error. */
  statement: StatementEvent;
  /** A lease exceeded `leakDetectionTimeout`, or was garbage-collected before its release. */
  leak: LeakEvent;
}

/** A lease that its holder seems to have forgotten. */
export interface LeakEvent {
  /** The name of the virtual connection that the lease goes through. */
  readonly virtual: string;
  /** How long the lease has been held, in ms. */
  readonly heldMs: number;
  /** The stack of the code that took the lease; undefined unless `leakDetectionTimeout` is set. */
  readonly stack: string | undefined;
  /** Whether the lease was garbage-collected; then the pool closes its actual connection. */
  readonly isCollected: boolean;
}

/** A statement that has ended. */
export interface StatementEvent {
  /** The name of the virtual connection that it ran through. */
  readonly virtual: string;
  /** Its text, without the values of its placeholders. */
  readonly sql: string;
  /** Whether it was prepared. */
  readonly isPrepared: boolean;
  /** How many rows it returned or, of a statement that writes, affected; 0 after an error. */
  readonly rows: number;
  /** How long it waited for a connection and for earlier statements, in ms. */
  readonly waitMs: number;
  /** How long the server took to answer, in ms; 0 if it was not sent. */
  readonly runMs: number;
  /** The error that it rejects with, if it does. */
  readonly error: unknown;
}

/** The name of an event. */
export type EventName = keyof PoolEvents;

/** A listener for one kind of event. */
export type Listener<Driver extends object, Name extends EventName> = (
  event: PoolEvents<Driver>[Name],
) => void;

const CHANNELS = {
  connection: channel("sublet:connection"),
  acquire: channel("sublet:acquire"),
  release: channel("sublet:release"),
  enqueue: channel("sublet:enqueue"),
  remove: channel("sublet:remove"),
  refuse: channel("sublet:refuse"),
  leak: channel("sublet:leak"),
  statement: channel("sublet:statement"),
};

/** Advice for names of events in other pools, such as pg's. */
const eventsElsewhere: ReadonlyMap<string, string> = new Map([
  ["connect", '; did you mean "connection"?'],
  ["error", ": each call rejects with its own error"],
]);

/** Throws if there is no event with a name. */
function checkEvent(name: string): void {
  if (Object.hasOwn(CHANNELS, name)) return;
  // Callers without types may give anything.
  const asked = String(name);
  const hint = eventsElsewhere.get(asked) ?? didYouMean(asked, Object.keys(CHANNELS));
  const message = `There is no event ${JSON.stringify(asked)}${hint}`;
  throw new SubletError("OPTION_INVALID", "options", message);
}

type Call = (event: never) => void;
/** Calls a function outside any unit of work. */
type Outside = (fn: () => void) => void;
type Item = { [N in EventName]: { name: N; event: PoolEvents[N] } }[EventName];

/** Returns the event argument for the connection of a session. */
export function connectionEventOf(
  { driver, threadId }: { readonly driver: RawConnection; readonly threadId: number },
): ConnectionEvent {
  return { connection: driver, threadId };
}

/** A reference to the listeners of a handle, which may have been garbage-collected. */
interface Source {
  deref(): Listeners | undefined;
}

/** Queues the events of one pool, and emits them to the listeners of all handles. */
export class Events {
  readonly #outside: Outside;
  readonly #sources = new Map<EventName, Set<Source>>();
  #items: Item[] = [];

  /** Creates a queue without listeners. */
  constructor(outside: Outside) {
    this.#outside = outside;
  }

  /** Tells whether an event has a listener or a subscriber to its channel. */
  hasListeners(name: EventName): boolean {
    return this.#sources.has(name) || CHANNELS[name].hasSubscribers;
  }

  /** Adds the listeners of a handle to an event. */
  add(name: EventName, source: Source): void {
    const sources = this.#sources.get(name) ?? new Set();
    this.#sources.set(name, sources.add(source));
  }

  /** Removes the listeners of a handle from an event. */
  remove(name: EventName, source: Source): void {
    const sources = this.#sources.get(name);
    if (sources?.delete(source) && sources.size === 0) this.#sources.delete(name);
  }

  /** Queues an event until {@linkcode flush}. */
  emit<Name extends EventName>(name: Name, event: PoolEvents[Name]): void {
    this.#items.push({ name, event } as Item);
  }

  /** Calls the listeners for all queued events. */
  flush(): void {
    while (this.#items.length > 0) {
      const items = this.#items;
      this.#items = [];
      this.#outside(() => items.forEach((item) => this.#emitOne(item)));
    }
  }

  #emitOne({ name, event }: Item): void {
    if (CHANNELS[name].hasSubscribers) CHANNELS[name].publish(event);
    for (const source of [...this.#sources.get(name) ?? []]) {
      const listeners = source.deref();
      if (listeners === undefined) this.remove(name, source);
      else listeners.emit(name, event as never);
    }
  }
}

/** The listeners of one handle of a pool. */
export class Listeners {
  readonly #events: Events;
  readonly #source: Source;
  readonly #calls = new Map<EventName, Map<Call, Call>>();
  #isEnded = false;

  /** Creates an empty set. If `isWeak`, the pool does not keep it alive. */
  constructor(events: Events, isWeak: boolean) {
    this.#events = events;
    this.#source = isWeak ? new WeakRef(this) : { deref: () => this };
  }

  /** Adds a listener, unless it is there already. */
  on<Name extends EventName>(name: Name, listener: Listener<RawConnection, Name>): void {
    this.#add(name, listener, listener);
  }

  /** Adds a listener that is called once. */
  once<Name extends EventName>(name: Name, listener: Listener<RawConnection, Name>): void {
    this.#add(name, listener, (event: PoolEvents[Name]) => {
      this.off(name, listener);
      listener(event);
    });
  }

  /** Removes a listener. */
  off<Name extends EventName>(name: Name, listener: Listener<RawConnection, Name>): void {
    checkEvent(name);
    const calls = this.#calls.get(name);
    if (calls?.delete(listener) && calls.size === 0) this.#remove(name);
  }

  /** Calls the listeners for an event. */
  emit<Name extends EventName>(name: Name, event: PoolEvents[Name]): void {
    for (const call of [...this.#calls.get(name)?.values() ?? []]) {
      try {
        call(event as never);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** Removes all listeners, and ignores those that are added later. */
  end(): void {
    this.#isEnded = true;
    for (const name of [...this.#calls.keys()]) this.#remove(name);
  }

  #add(name: EventName, listener: Call, call: Call): void {
    checkEvent(name);
    if (typeof listener !== "function") {
      throw new TypeError(`A listener must be a function: received ${typeof listener}`);
    }
    if (this.#isEnded) return;
    const calls = this.#calls.get(name) ?? new Map<Call, Call>();
    this.#calls.set(name, calls);
    if (!calls.has(listener)) calls.set(listener, call);
    this.#events.add(name, this.#source);
  }

  #remove(name: EventName): void {
    this.#calls.delete(name);
    this.#events.remove(name, this.#source);
  }
}
