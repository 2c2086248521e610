/**
 * `npm run mistakes`: makes thirty common mistakes with Sublet and with mysql2's own pool, on a
 * real server, and prints what each of them says. `--json` ends with the figures, and `--table`
 * writes the table into the guide.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { root } from "../support/source.ts";
import { figuresOf, guide, makeAll, pageOf } from "./mistakes.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    table: { type: "boolean", default: false },
  },
});
const outcomes = await makeAll(({ title, own, theirs, isNamed, hasOwnLine }) => {
  const lacks = [...(isNamed ? [] : ["not named"]), ...(hasOwnLine ? [] : ["not its line"])];
  const verdict = lacks.length === 0 ? "" : ` (${lacks.join(", ")})`;
  process.stdout.write(`${title}${verdict}\n  Sublet: ${own}\n  mysql2: ${theirs}\n`);
});
if (values.table) writeFileSync(join(root, guide), pageOf(outcomes));
const figures = figuresOf(outcomes);
const { mistakes, named, ownLine } = figures;
process.stdout.write(
  values.json
    ? `${JSON.stringify(figures)}\n`
    : `${mistakes} mistakes: ${named} named, ${ownLine} with the line of the mistake\n`,
);
process.exitCode = named === mistakes && ownLine === mistakes ? 0 : 1;
