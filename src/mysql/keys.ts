/**
 * Keys that are equal for equal values, and say nothing of what they are made of.
 *
 * They are digests with a salt of this process, so that a password that is part of a value
 * cannot be guessed from a key that was logged. Functions and objects with a class are equal
 * only to themselves.
 */

import { createHash, randomBytes } from "node:crypto";

interface Identities {
  readonly salt: string;
  readonly numbers: WeakMap<object, number>;
  next: number;
}

/** Shared by all evaluations of this module in a process, so that their keys agree. */
const place: unique symbol = Symbol.for("@sublet/mysql/identities");
const holder = globalThis as { [place]?: Identities };

/** Made when it is first asked for, as Workers have no chance before a request. */
function identities(): Identities {
  return holder[place] ??= {
    salt: randomBytes(16).toString("hex"),
    numbers: new WeakMap(),
    next: 0,
  };
}

/** Returns a key of 16 characters for a value. */
export function keyOfValue(value: unknown): string {
  const hash = createHash("sha256").update(identities().salt).update(describe(value));
  return hash.digest("base64url").slice(0, 16);
}

/** Returns a text that is equal for equal values only. */
function describe(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `#${numberOf(value)}`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "undefined";
  if (Array.isArray(value)) return `[${value.map(describe).join()}]`;
  if (value instanceof Uint8Array) {
    return `bytes ${createHash("sha256").update(value).digest("hex")}`;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return `#${numberOf(value)}`;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  entries.sort(([one], [other]) => one < other ? -1 : 1);
  return `{${entries.map(([name, inner]) => `${JSON.stringify(name)}:${describe(inner)}`).join()}}`;
}

function numberOf(value: object): number {
  const { numbers } = identities();
  const known = numbers.get(value);
  if (known !== undefined) return known;
  const number = identities().next++;
  numbers.set(value, number);
  return number;
}
