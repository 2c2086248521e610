/**
 * The language of the traces: a line states an event, in words; the indented lines below
 * it state the commands of the pool, and its deadline if that has changed.
 *
 *     pool connectionLimit=2 idleTimeout=1000      its options; the default is no limit
 *     virtual shop limit=1 minimum=0 target=main   its virtual connections, the default one first
 *     at 40 a asks [by shop] [for main[@host]] [within b c]
 *     a gives up | a is done [dirty|broken]
 *     #0 is open | fails down | fails full | is lost | is lost here | is closed
 *     #0 is checked | is wiped | is changed, or: fails its check | its wipe | its change
 *     alarm | pause | resume | retire all | suspect all | drain | drain and serve
 */

import {
  type Command,
  type Condition,
  createState,
  deadline,
  type Event,
  type FailureKind,
  type Instant,
  type LeaseId,
  type LeaseRequested,
  type Policy,
  type PoolState,
  step,
  type VirtualPolicy,
  type Work,
} from "../../../src/core/mod.ts";
import { deepFreeze } from "./freeze.ts";

const PLAIN: Omit<Policy, "virtuals"> = {
  connectionLimit: 10,
  queueLimit: Infinity,
  idleTimeout: Infinity,
  maxIdle: Infinity,
  idleCut: 0,
  maxLifetime: Infinity,
  validateAfter: Infinity,
  handoverMs: 0,
  backoffMin: 100,
  backoffMax: 1000,
};

const POOL_EVENTS: Readonly<Record<string, Event>> = {
  "alarm": { type: "deadlineReached" },
  "pause": { type: "pauseRequested" },
  "resume": { type: "resumeRequested" },
  "retire all": { type: "retireRequested" },
  "suspect all": { type: "suspicionRaised" },
  "drain": { type: "drainRequested", serveQueue: false },
  "drain and serve": { type: "drainRequested", serveQueue: true },
};

const WORKS: Readonly<Record<string, Work>> = {
  "is checked": "checking",
  "fails its check": "checking",
  "is wiped": "resetting",
  "fails its wipe": "resetting",
  "is changed": "retargeting",
  "fails its change": "retargeting",
};

/** Reads a trace line by line and answers as the core does. */
export class Storyteller {
  #numbers: Partial<Policy> = {};
  #virtuals: VirtualPolicy[] = [];
  #pool: PoolState | undefined;
  #now: Instant = 0;
  #alarm: Instant | undefined;
  readonly #holders = new Map<LeaseId, number>();
  readonly #requests = new Map<LeaseId, LeaseRequested>();
  readonly #virtualNames = new Names();
  readonly #targetNames = new Names();
  readonly #hostNames = new Names();
  readonly #leaseNames = new Names();

  /** Returns what the core answers to one line. */
  tell(line: string): string[] {
    const [head, ...rest] = line.split(" ");
    if (head === "pool") {
      this.#numbers = numbersIn(rest);
      return [];
    }
    if (head === "virtual") {
      this.#addVirtual(rest);
      return [];
    }
    const [, at, what] = /^(?:at (\d+) )?(.*)$/.exec(line)!;
    if (at !== undefined) this.#now = Number(at);
    return this.#step(this.#read(what!));
  }

  #addVirtual([name, ...rest]: string[]): void {
    this.#virtualNames.idOf(name!);
    const target = rest.find((word) => word.startsWith("target="))?.slice("target=".length);
    const { limit = Infinity, minimum = 0 } = numbersIn(rest);
    this.#virtuals.push({ target: this.#targetNames.idOf(target ?? name!), limit, minimum });
  }

  #step(event: Event): string[] {
    this.#pool ??= createState({ ...PLAIN, ...this.#numbers, virtuals: this.#virtuals });
    const [pool, commands] = step(deepFreeze(this.#pool), event, this.#now);
    this.#pool = deepFreeze(pool);
    const answers = commands.map((command) => this.#say(command));
    const alarm = deadline(pool);
    if (alarm !== this.#alarm) answers.push(alarm === undefined ? "sleep" : `wake at ${alarm}`);
    this.#alarm = alarm;
    return answers;
  }

  #read(what: string): Event {
    const ofPool = POOL_EVENTS[what];
    if (ofPool !== undefined) return ofPool;
    const [, actual, fate] = /^#(\d+) (.*)$/.exec(what) ?? [];
    if (fate !== undefined) return readFate(Number(actual), fate);
    const [, name, deed, words] = /^(\w+) (asks|gives up|is done)(.*)$/.exec(what) ?? [];
    if (name === undefined) throw new Error(`Cannot read the line: no such event as ${what}`);
    const lease = this.#leaseNames.idOf(name);
    if (deed === "asks") return this.#readRequest(lease, words!);
    if (deed === "gives up") {
      const { virtual, target } = this.#requests.get(lease)!;
      return { type: "requestWithdrawn", lease, virtual, target };
    }
    const condition = (words!.trim() || "clean") as Condition;
    return { type: "leaseReleased", ...this.#leaseRef(name), condition };
  }

  #readRequest(lease: LeaseId, words: string): LeaseRequested {
    const [, by, target, host, within] =
      /^(?: by (\w+))?(?: for (\w+)(?:@(\w+))?)?(?: within ([\w ]+))?$/.exec(words) ?? [];
    const virtual = by === undefined ? 0 : this.#virtualNames.idOf(by);
    const request: LeaseRequested = {
      type: "leaseRequested",
      lease,
      virtual,
      target: target === undefined
        ? this.#virtuals[virtual]!.target
        : this.#targetNames.idOf(target),
      address: this.#hostNames.idOf(host ?? "here"),
      enclosing: (within?.split(" ") ?? []).map((name) => this.#leaseRef(name)),
    };
    this.#requests.set(lease, request);
    return request;
  }

  #leaseRef(name: string): { lease: LeaseId; actual: number } {
    const lease = this.#leaseNames.idOf(name);
    return { lease, actual: this.#holders.get(lease) ?? -1 };
  }

  #say(command: Command): string {
    switch (command.type) {
      case "grant":
        this.#holders.set(command.lease, command.actual);
        return `grant #${command.actual} to ${this.#leaseNames.nameOf(command.lease)}`;
      case "refuse": {
        const cause = command.cause === undefined ? "" : ` (${command.cause})`;
        return `refuse ${this.#leaseNames.nameOf(command.lease)}: ${command.reason}${cause}`;
      }
      case "connect":
      case "retarget":
        return `${command.type} #${command.actual} to ${this.#targetNames.nameOf(command.target)}`;
      case "close":
        return `close #${command.actual}: ${command.reason}`;
      case "forget":
        return `forget ${this.#targetNames.nameOf(command.target)}`;
      case "finish":
        return "finish";
      default:
        return `${command.type} #${command.actual}`;
    }
  }
}

/** Numbers names in the order of their first use. */
class Names {
  readonly #names: string[] = [];

  idOf(name: string): number {
    const known = this.#names.indexOf(name);
    return known < 0 ? this.#names.push(name) - 1 : known;
  }

  nameOf(id: number): string {
    return this.#names[id]!;
  }
}

function readFate(actual: number, fate: string): Event {
  const work = WORKS[fate];
  if (work !== undefined) {
    return { type: fate.startsWith("is") ? "workDone" : "workFailed", actual, work };
  }
  switch (fate) {
    case "is open":
      return { type: "connectDone", actual, random: 0 };
    case "fails down":
    case "fails full": {
      const kind = fate.slice("fails ".length) as FailureKind;
      return { type: "connectFailed", actual, kind, cause: kind, random: 1 };
    }
    case "is lost":
    case "is lost here":
      return { type: "actualLost", actual, byServer: fate === "is lost" };
    case "is closed":
      return { type: "closeDone", actual };
    default:
      throw new Error(`Cannot read the line: #${actual} has no such fate as ${fate}`);
  }
}

function numbersIn(words: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    words.map((word) => word.split("=")).map(([name, value]) => [name!, Number(value)]),
  );
}
