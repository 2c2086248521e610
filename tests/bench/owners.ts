/** The owners of the functions in a profile: this package, the driver, the kernel … */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "../support/source.ts";
import type { ByName } from "./figures.ts";
import type { Work } from "./profiler.ts";
import { terse } from "./stats.ts";

const GARBAGE = "collection of garbage";
const WRITE = "the kernel's write";
const DRIVER = "mysql2";
const BENCH = "this benchmark";
const REST = "the runtime";
const OURS = "Sublet, ";

/** The folders of this package's source. */
const FOLDERS: readonly string[] = readdirSync(join(root, "src"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory()).map(({ name }) => name).sort();

/** All owners, in the order of tables. */
export const OWNERS: readonly string[] = [
  ...FOLDERS.map((folder) => OURS + folder),
  DRIVER,
  GARBAGE,
  WRITE,
  REST,
  BENCH,
];

/** The native functions of Node, Deno and Bun that pass bytes to the kernel. */
const writes = /^(writeBuffer|writev|op_write|write|writeBuffered)$/;

/** Returns the owner of a function. */
export function ownerOf({ name, url }: Work): string {
  if (name === "(garbage collector)") return GARBAGE;
  if (url === "" && writes.test(name)) return WRITE;
  if (url.includes("/node_modules/")) return DRIVER;
  if (url.includes("/tests/bench/")) return BENCH;
  const folder = /\/src\/(\w+)\/[^/]+$/.exec(url)?.[1];
  return folder !== undefined && FOLDERS.includes(folder) ? OURS + folder : REST;
}

/** Returns the shares of a client's time by owner, as text. */
export function sharesOf(us: ByName): string {
  const whole = sum(Object.values(us));
  const share = (label: string, part: number): string =>
    `${label} ${(part / whole * 100).toFixed(0)} %`;
  const [write, driver, garbage] = [us[WRITE] ?? 0, us[DRIVER] ?? 0, us[GARBAGE] ?? 0];
  const ours = oursOf(us);
  return [
    share("kernel write", write),
    share("Sublet", ours),
    share("mysql2", driver),
    share("garbage", garbage),
    share("rest", whole - write - ours - driver - garbage),
  ].join(", ");
}

/** Returns the time per statement of each part of this package, as text. */
export function partsOf(us: ByName): string {
  const parts = Object.entries(us)
    .filter(([owner, time]) => owner.startsWith(OURS) && time > 0)
    .map(([owner, time]) => `${owner.slice(OURS.length)} ${terse(time)} µs`);
  return [...parts, `garbage ${terse(us[GARBAGE] ?? 0)} µs`].join(", ");
}

function oursOf(us: ByName): number {
  return sum(Object.entries(us).map(([owner, time]) => owner.startsWith(OURS) ? time : 0));
}

function sum(figures: readonly number[]): number {
  return figures.reduce((whole, figure) => whole + figure, 0);
}
