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
  return digest(describe(value, numberOf));
}

/**
 * Returns a key that is equal for values that differ at most in their functions and their objects
 * with a class; nothing for a value that has none of these.
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

/** Returns a text that is equal for equal values only; `identify` names what has an identity. */
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

/** Tells whether an object is no more than what its enumerable properties say. */
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
