/**
 * What a pool tells of itself: to its listeners, and on `node:diagnostics_channel`.
 *
 * News is gathered while the core steps and told afterwards, so that a listener may use the
 * pool. A listener runs in the async context of what caused the news, a release in that of who
 * released, but within no unit of work. One that throws harms nobody: its error becomes an
 * uncaught exception of its own.
 */

import { channel } from "node:diagnostics_channel";
import type { RefuseReason, RetireReason } from "../core/mod.ts";
import type { Condition } from "../port.ts";

/** An actual connection, as news tells of it. */
export interface ConnectionNews<Driver> {
  /** The driver's own connection. */
  readonly connection: Driver;
  /** The server's name for it. */
  readonly threadId: number;
}

/** What each event tells. */
export interface PoolEvents<Driver> {
  /** An actual connection was opened. */
  connection: ConnectionNews<Driver>;
  /** A lease was granted through `virtual`, after a wait of `waitMs`. */
  acquire: ConnectionNews<Driver> & { readonly virtual: string; readonly waitMs: number };
  /** A lease of `heldMs` was released. */
  release: ConnectionNews<Driver> & {
    readonly virtual: string;
    readonly heldMs: number;
    readonly condition: Condition;
  };
  /** A request has to wait. */
  enqueue: { readonly virtual: string };
  /** An actual connection is closed, for a reason. */
  remove: ConnectionNews<Driver> & { readonly reason: RetireReason };
  /** A request was refused. */
  refuse: { readonly virtual: string; readonly reason: RefuseReason; readonly cause: unknown };
  /** A lease was held for too long, or was collected as garbage before it was released. */
  leak: LeakNews;
}

/** A lease that seems to have been forgotten. */
export interface LeakNews {
  /** The virtual connection it was taken through. */
  readonly virtual: string;
  /** How long it has been held, in ms. */
  readonly heldMs: number;
  /** Who took it; only known with `leakDetectionTimeout`. */
  readonly stack: string | undefined;
  /** Whether nobody could have released it any more, so that the pool took it back. */
  readonly isCollected: boolean;
}

/** The name of an event. */
export type EventName = keyof PoolEvents<unknown>;

/** A listener to one kind of event. */
export type Listener<Driver, Name extends EventName> = (news: PoolEvents<Driver>[Name]) => void;

const CHANNELS = {
  connection: channel("sublet:connection"),
  acquire: channel("sublet:acquire"),
  release: channel("sublet:release"),
  enqueue: channel("sublet:enqueue"),
  remove: channel("sublet:remove"),
  refuse: channel("sublet:refuse"),
  leak: channel("sublet:leak"),
};

type Tell = (news: never) => void;
/** Calls a function within no unit of work. */
type Outside = (fn: () => void) => void;
type Item<Driver> = { [N in EventName]: { name: N; news: PoolEvents<Driver>[N] } }[EventName];

/** Gathers and tells the news of one pool. */
export class News<Driver> {
  readonly #outside: Outside;
  readonly #listeners = new Map<EventName, Map<Tell, Tell>>();
  #items: Item<Driver>[] = [];

  /** Creates news that nobody listens to. */
  constructor(outside: Outside) {
    this.#outside = outside;
  }

  /** Tells whether anybody wants to know. */
  isWanted(name: EventName): boolean {
    return this.#listeners.has(name) || CHANNELS[name].hasSubscribers;
  }

  /** Adds a listener; one that is there already is not added twice. */
  on<Name extends EventName>(name: Name, listener: Listener<Driver, Name>): void {
    this.#add(name, listener, listener);
  }

  /** Adds a listener that hears of one event only. */
  once<Name extends EventName>(name: Name, listener: Listener<Driver, Name>): void {
    this.#add(name, listener, (news: PoolEvents<Driver>[Name]) => {
      this.off(name, listener);
      listener(news);
    });
  }

  /** Removes a listener. */
  off<Name extends EventName>(name: Name, listener: Listener<Driver, Name>): void {
    const listeners = this.#listeners.get(name);
    if (listeners?.delete(listener) && listeners.size === 0) this.#listeners.delete(name);
  }

  /** Notes what happened, to be told by {@linkcode tell}. */
  note<Name extends EventName>(name: Name, news: PoolEvents<Driver>[Name]): void {
    this.#items.push({ name, news } as Item<Driver>);
  }

  /** Tells what was noted. */
  tell(): void {
    while (this.#items.length > 0) {
      const items = this.#items;
      this.#items = [];
      this.#outside(() => items.forEach((item) => this.#tellOne(item)));
    }
  }

  #add(name: EventName, listener: Tell, tell: Tell): void {
    const listeners = this.#listeners.get(name) ?? new Map<Tell, Tell>();
    this.#listeners.set(name, listeners);
    if (!listeners.has(listener)) listeners.set(listener, tell);
  }

  #tellOne({ name, news }: Item<Driver>): void {
    if (CHANNELS[name].hasSubscribers) CHANNELS[name].publish(news);
    for (const tell of [...this.#listeners.get(name)?.values() ?? []]) {
      try {
        tell(news as never);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
