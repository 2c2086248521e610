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
import type { Condition, RawConnection } from "../port.ts";

/** An actual connection, as news tells of it. */
export interface ConnectionNews<Driver extends object = object> {
  /** The driver's own connection. */
  readonly connection: Driver;
  /** The server's name for it. */
  readonly threadId: number;
}

/** What each event tells. */
export interface PoolEvents<Driver extends object = object> {
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
export type EventName = keyof PoolEvents;

/** A listener to one kind of event. */
export type Listener<Driver extends object, Name extends EventName> = (
  news: PoolEvents<Driver>[Name],
) => void;

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
type Item = { [N in EventName]: { name: N; news: PoolEvents[N] } }[EventName];

/** Returns what news tells of the connection that a session has. */
export function newsOf(
  { driver, threadId }: { readonly driver: RawConnection; readonly threadId: number },
): ConnectionNews {
  return { connection: driver, threadId };
}

/** What leads to the listeners of a handle, which may be gone. */
interface Source {
  deref(): Listeners | undefined;
}

/** Gathers the news of one pool, and tells it to the listeners of all handles. */
export class News {
  readonly #outside: Outside;
  readonly #sources = new Map<EventName, Set<Source>>();
  #items: Item[] = [];

  /** Creates news that nobody listens to. */
  constructor(outside: Outside) {
    this.#outside = outside;
  }

  /** Tells whether anybody wants to know. */
  isWanted(name: EventName): boolean {
    return this.#sources.has(name) || CHANNELS[name].hasSubscribers;
  }

  /** Has the listeners of a handle called at each event of a kind. */
  add(name: EventName, source: Source): void {
    const sources = this.#sources.get(name) ?? new Set();
    this.#sources.set(name, sources.add(source));
  }

  /** Has them called no more. */
  remove(name: EventName, source: Source): void {
    const sources = this.#sources.get(name);
    if (sources?.delete(source) && sources.size === 0) this.#sources.delete(name);
  }

  /** Notes what happened, to be told by {@linkcode tell}. */
  note<Name extends EventName>(name: Name, news: PoolEvents[Name]): void {
    this.#items.push({ name, news } as Item);
  }

  /** Tells what was noted. */
  tell(): void {
    while (this.#items.length > 0) {
      const items = this.#items;
      this.#items = [];
      this.#outside(() => items.forEach((item) => this.#tellOne(item)));
    }
  }

  #tellOne({ name, news }: Item): void {
    if (CHANNELS[name].hasSubscribers) CHANNELS[name].publish(news);
    for (const source of [...this.#sources.get(name) ?? []]) {
      const listeners = source.deref();
      if (listeners === undefined) this.remove(name, source);
      else listeners.tell(name, news as never);
    }
  }
}

/** The listeners of one handle of a pool. */
export class Listeners {
  readonly #news: News;
  readonly #source: Source;
  readonly #tells = new Map<EventName, Map<Tell, Tell>>();
  #isEnded = false;

  /** Creates a set without any; if it is weak, the news does not keep it from being collected. */
  constructor(news: News, isWeak: boolean) {
    this.#news = news;
    this.#source = isWeak ? new WeakRef(this) : { deref: () => this };
  }

  /** Adds a listener; one that is there already is not added twice. */
  on<Name extends EventName>(name: Name, listener: Listener<RawConnection, Name>): void {
    this.#add(name, listener, listener);
  }

  /** Adds a listener that hears of one event only. */
  once<Name extends EventName>(name: Name, listener: Listener<RawConnection, Name>): void {
    this.#add(name, listener, (news: PoolEvents[Name]) => {
      this.off(name, listener);
      listener(news);
    });
  }

  /** Removes a listener. */
  off<Name extends EventName>(name: Name, listener: Listener<RawConnection, Name>): void {
    const tells = this.#tells.get(name);
    if (tells?.delete(listener) && tells.size === 0) this.#remove(name);
  }

  /** Calls those to one kind of event. */
  tell<Name extends EventName>(name: Name, news: PoolEvents[Name]): void {
    for (const tell of [...this.#tells.get(name)?.values() ?? []]) {
      try {
        tell(news as never);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** Removes all, for good. */
  end(): void {
    this.#isEnded = true;
    for (const name of [...this.#tells.keys()]) this.#remove(name);
  }

  #add(name: EventName, listener: Tell, tell: Tell): void {
    if (typeof listener !== "function") {
      throw new TypeError(`A listener must be a function: received ${typeof listener}`);
    }
    if (this.#isEnded) return;
    const tells = this.#tells.get(name) ?? new Map<Tell, Tell>();
    this.#tells.set(name, tells);
    if (!tells.has(listener)) tells.set(listener, tell);
    this.#news.add(name, this.#source);
  }

  #remove(name: EventName): void {
    this.#tells.delete(name);
    this.#news.remove(name, this.#source);
  }
}
