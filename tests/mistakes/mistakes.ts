/** Makes all common mistakes on a server, and tells what came of them. */

import { startServer } from "../support/server.ts";
import { serverBinary } from "../support/server_binary.ts";
import { connecting } from "./connecting.ts";
import { make, type Mistake, type Outcome } from "./mistake.ts";
import { statements } from "./statements.ts";
import { units } from "./units.ts";

/** The figures of `npm run mistakes`. */
export interface Figures {
  /** How many mistakes were made. */
  readonly mistakes: number;
  /** How many errors of Sublet name the mistake or what to do instead. */
  readonly named: number;
  /** How many have the line of the mistake among the first three lines of their stack. */
  readonly ownLine: number;
}

/** Makes all mistakes, one after another; calls `done` after each. */
export async function makeAll(done: (outcome: Outcome) => void): Promise<Outcome[]> {
  await using server = await startServer();
  const mistakes: readonly Mistake[] = [...connecting, ...statements, ...units];
  const outcomes: Outcome[] = [];
  for (const mistake of mistakes) {
    const outcome = await make(mistake, server);
    outcomes.push(outcome);
    done(outcome);
  }
  return outcomes;
}

/** Where the guide is. */
export const guide = "examples/guides/mistakes.md";

/** The server whose messages the guide shows. */
export const server: string = serverOf(serverBinary()?.version ?? "");

function serverOf(version: string): string {
  return /(\d+\.\d+)\.\d+-MariaDB/.exec(version)?.[1] ?? version;
}

/** Returns the guide: its heading, and the table of outcomes. */
export function pageOf(outcomes: readonly Outcome[]): string {
  return `# Common mistakes

Each row shows the error of Sublet, and that of mysql2's own pool for the same mistake, on MariaDB
${server}. A code stands before the message if the error has one. The stack of each error of Sublet shows
the line of the mistake among its first three. \`npm run mistakes\` makes them all.

${tableOf(outcomes)}`;
}

/** Returns outcomes as a table, without what differs from run to run. */
function tableOf(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ title, own, theirs }) =>
    `| ${title} | ${cell(own)} | ${cell(theirs)} |`
  );
  return ["| mistake | Sublet | mysql2 |", "|---|---|---|", ...rows, ""].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|")
    .replaceAll(/(127\.0\.0\.1|db\.invalid):\d{4,5}/g, "$1:3306")
    .replaceAll(/\b(within|for) \d+ ms/g, "$1 N ms");
}

/** Returns the figures of outcomes. */
export function figuresOf(outcomes: readonly Outcome[]): Figures {
  return {
    mistakes: outcomes.length,
    named: outcomes.filter(({ isNamed }) => isNamed).length,
    ownLine: outcomes.filter(({ hasOwnLine }) => hasOwnLine).length,
  };
}
