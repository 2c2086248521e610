/** Records durations, and prints a table of the slowest items. */

import { seconds } from "./tally.ts";

/** How many rows the table has. */
const rowsMax = 20;

/** Records durations. */
export class Durations {
  readonly #rows: [name: string, ms: number][] = [];

  /** Records how long an item took, in ms. */
  readonly add = (name: string, ms: number): void => {
    this.#rows.push([name, ms]);
  };

  /** Returns the slowest items, as lines for people. */
  table(): string {
    const rows = this.#rows.toSorted(([, a], [, b]) => b - a).slice(0, rowsMax);
    const lines = rows.map(([name, ms]) => `  ${name.padEnd(44)} ${seconds(ms).padStart(8)}\n`);
    return `\nthe slowest ${rows.length}\n${lines.join("")}`;
  }
}
