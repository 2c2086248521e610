/** Makes all common mistakes on a server, and tells what came of them. */

import { startServer } from "../support/server.ts";
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

/** Returns the figures of outcomes. */
export function figuresOf(outcomes: readonly Outcome[]): Figures {
  return {
    mistakes: outcomes.length,
    named: outcomes.filter(({ isNamed }) => isNamed).length,
    ownLine: outcomes.filter(({ hasOwnLine }) => hasOwnLine).length,
  };
}
