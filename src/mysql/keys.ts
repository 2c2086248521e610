/**
 * Keys that are equal for equal values and reveal nothing about the values.
 *
 * They are digests with a salt of this process, so that nobody can guess a password in a value from
 * a logged key. Functions and class instances are equal only to themselves.
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

/** Creates the salt on first use, because Workers have no random numbers before a request. */
function identities(): Identities {
  return holder[place] ??= {
    salt: randomBytes(16).toString("hex"),
    numbers: new WeakMap(),
    next: 0,
  };
}

/** Returns a key of 16 characters for a value. */
export function keyOfValue(value: unknown): string {
  return digest(describe(value, numberOf));
}

/**
 * Returns a key that is equal for values that differ only in their functions and class instances;
 * undefined for a value that has neither.
 */
export function shapeOfValue(value: unknown): string | undefined {
  let hasIdentities = false;
  const text = describe(value, () => {
    hasIdentities = true;
    return "";
  });
  return hasIdentities ? digest(text) : undefined;
}

function digest(text: string): string {
  const hash = createHash("sha256").update(identities().salt).update(text);
  return hash.digest("base64url").slice(0, 16);
}

/** Returns a text that is equal for equal values only; `identify` names functions and instances. */
function describe(value: unknown, identify: (value: object) => number | ""): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number") return String(value);
  if (typeof value === "function") return `#${identify(value)}`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "undefined";
  if (value instanceof Uint8Array) {
    return `bytes ${createHash("sha256").update(value).digest("hex")}`;
  }
  if (!isPlain(value)) return `#${identify(value)}`;
  const inner = (part: unknown): string => describe(part, identify);
  if (Array.isArray(value)) return `[${value.map(inner).join()}]`;
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
  entries.sort(([one], [other]) => one < other ? -1 : 1);
  return `{${entries.map(([name, part]) => `${JSON.stringify(name)}:${inner(part)}`).join()}}`;
}

/** Tells whether an object consists of its enumerable properties alone. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value)) return prototype === Array.prototype;
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Reflect.ownKeys(value).length === Object.keys(value).length;
}

function numberOf(value: object): number {
  const { numbers } = identities();
  const known = numbers.get(value);
  if (known !== undefined) return known;
  const number = identities().next++;
  numbers.set(value, number);
  return number;
}
