/** The small pools that the exploration visits, each for some of the promises. */

import type { Condition, FailureKind, Policy } from "../../src/core/mod.ts";

/** What may happen in a pool besides requests, releases and work that succeeds. */
export interface Chances {
  /** A socket may close: ended by the server, or on this side. */
  lose?: boolean;
  loseHere?: boolean;
  /** Requests may be enclosed by leases. */
  enclose?: boolean;
  /** Requests may be enclosed by leases that have ended. */
  encloseLate?: boolean;
  /** Requests may be for another target than their virtual connection's own. */
  bind?: boolean;
  pause?: boolean;
  drain?: boolean;
  retire?: boolean;
  suspect?: boolean;
  withdraw?: boolean;
  /** Checks and changes of target may fail. */
  failWork?: boolean;
  /** Requests and releases may come a tick later, before the report of the deadline. */
  late?: boolean;
}

/** A small pool, and what may happen to it. */
export interface Configuration {
  name: string;
  policy: Policy;
  /** The address of each target. */
  targets: readonly number[];
  /** How many leases and waiters there may be at once. */
  claimsMax: number;
  conditions: readonly Condition[];
  fails: readonly FailureKind[];
  /** The random numbers that events may carry. */
  chances: readonly number[];
  /** How long a tick of the clock is. */
  tickMs: number;
  may: Chances;
}

const NEVER = Infinity;
const policy: Policy = {
  connectionLimit: 2,
  queueLimit: NEVER,
  idleTimeout: NEVER,
  maxIdle: NEVER,
  idleCut: 0,
  maxLifetime: NEVER,
  validateAfter: NEVER,
  handoverMs: 0,
  backoffMin: 2,
  backoffMax: 2,
  virtuals: [{ target: 0, limit: NEVER, minimum: 0 }],
};
const free = { limit: NEVER, minimum: 0 };
const two = [{ target: 0, ...free }, { target: 1, ...free }];
const base: Omit<Configuration, "name" | "claimsMax"> = {
  policy,
  targets: [0],
  conditions: ["clean"],
  fails: [],
  chances: [0],
  tickMs: 1,
  may: {},
};

export const configurations: readonly Configuration[] = [
  {
    ...base,
    name: "one target, misused in every way",
    policy: { ...policy, queueLimit: 1, idleTimeout: 2 },
    claimsMax: 4,
    conditions: ["clean", "dirty", "broken"],
    fails: ["down"],
    may: { lose: true, loseHere: true, withdraw: true, drain: true },
  },
  {
    ...base,
    name: "two virtual connections on one target, with limits",
    policy: {
      ...policy,
      virtuals: [{ target: 0, limit: 1, minimum: 0 }, { target: 0, limit: 2, minimum: 0 }],
    },
    claimsMax: 5,
    conditions: ["clean", "broken"],
    fails: ["down"],
    may: { withdraw: true, lose: true, drain: true },
  },
  {
    ...base,
    name: "limits, and a line that may be full",
    policy: {
      ...policy,
      connectionLimit: 3,
      queueLimit: 1,
      virtuals: [{ target: 0, limit: 1, minimum: 0 }, { target: 0, ...free }],
    },
    claimsMax: 6,
    fails: ["full"],
    may: { withdraw: true },
  },
  {
    ...base,
    name: "checks before lending, and suspicion",
    policy: { ...policy, validateAfter: 1, idleTimeout: 3 },
    claimsMax: 3,
    conditions: ["clean", "dirty"],
    may: { lose: true, loseHere: true, suspect: true, withdraw: true, failWork: true, late: true },
  },
  {
    ...base,
    name: "ages, their spacing and its bound",
    policy: {
      ...policy,
      maxLifetime: 40,
      virtuals: [{ target: 0, limit: NEVER, minimum: 1 }],
    },
    tickMs: 2,
    chances: [0, 0.5],
    claimsMax: 3,
    conditions: ["clean", "dirty"],
    may: { late: true },
  },
  {
    ...base,
    name: "two targets at one address, with tenure",
    policy: { ...policy, handoverMs: 2, validateAfter: 1, virtuals: two },
    targets: [0, 0],
    claimsMax: 4,
    fails: ["down"],
    may: { failWork: true, late: true, withdraw: true },
  },
  {
    ...base,
    name: "two targets at two addresses, with tenure",
    policy: { ...policy, handoverMs: 2, idleTimeout: 2, virtuals: two },
    targets: [0, 1],
    claimsMax: 4,
    conditions: ["clean", "broken"],
    fails: ["down"],
    may: { lose: true, drain: true, late: true },
  },
  {
    ...base,
    name: "three targets that come and go",
    policy: { ...policy, virtuals: [...two, { target: 2, ...free }] },
    targets: [0, 1, 0],
    claimsMax: 3,
    may: { retire: true },
  },
  {
    ...base,
    name: "virtual connections bound to other targets than their own",
    policy: {
      ...policy,
      backoffMin: 1,
      backoffMax: 2,
      virtuals: [{ target: 0, limit: 1, minimum: 1 }, { target: 1, ...free }],
    },
    targets: [0, 1],
    claimsMax: 3,
    fails: ["down"],
    may: { bind: true, withdraw: true },
  },
  {
    ...base,
    name: "nesting over the whole pool and behind limits",
    policy: {
      ...policy,
      virtuals: [{ target: 0, limit: 1, minimum: 0 }, { target: 1, ...free }],
    },
    targets: [0, 0],
    claimsMax: 4,
    may: { enclose: true, encloseLate: true, withdraw: true },
  },
  {
    ...base,
    name: "nesting behind limits while others are free",
    policy: {
      ...policy,
      connectionLimit: 3,
      virtuals: [
        { target: 0, limit: 1, minimum: 0 },
        { target: 0, limit: 1, minimum: 0 },
        { target: 0, ...free },
      ],
    },
    claimsMax: 5,
    may: { enclose: true },
  },
  {
    ...base,
    name: "a minimum, through pauses and outages",
    policy: {
      ...policy,
      connectionLimit: 3,
      idleTimeout: 2,
      virtuals: [
        { target: 0, limit: NEVER, minimum: 2 },
        { target: 1, ...free },
      ],
    },
    targets: [0, 1],
    claimsMax: 2,
    fails: ["down"],
    may: { pause: true, drain: true },
  },
  {
    ...base,
    name: "no more than one at rest for long, and a minimum",
    policy: {
      ...policy,
      connectionLimit: 3,
      idleTimeout: 4,
      maxIdle: 1,
      idleCut: 3,
      virtuals: [{ target: 0, limit: NEVER, minimum: 1 }, { target: 1, ...free }],
    },
    targets: [0, 1],
    claimsMax: 3,
    may: { late: true, pause: true },
  },
  {
    ...base,
    name: "a burst, and a target that goes down in it",
    policy: { ...policy, connectionLimit: 5 },
    claimsMax: 6,
    fails: ["down"],
  },
  {
    ...base,
    name: "a server that is full, for two targets",
    policy: { ...policy, connectionLimit: 3, virtuals: two },
    targets: [0, 0],
    claimsMax: 4,
    fails: ["full", "down"],
    may: {},
  },
  {
    ...base,
    name: "a server that is full, drained and paused",
    policy: { ...policy, connectionLimit: 4, backoffMax: 4 },
    chances: [0, 1],
    claimsMax: 4,
    conditions: ["clean", "broken"],
    fails: ["full"],
    may: { drain: true, pause: true },
  },
  {
    ...base,
    name: "generations: all at once, on one connection",
    policy: {
      ...policy,
      connectionLimit: 1,
      queueLimit: 1,
      idleTimeout: 2,
      validateAfter: 1,
      virtuals: two,
    },
    targets: [0, 0],
    claimsMax: 3,
    conditions: ["clean", "dirty"],
    fails: ["down", "full"],
    may: {
      retire: true,
      suspect: true,
      drain: true,
      lose: true,
      enclose: true,
      withdraw: true,
      pause: true,
    },
  },
];
