/** All tests of the suite. */

import type { Case, Suite } from "../suite/suite.ts";
import { aborts } from "./aborts.ts";
import { connecting } from "./connecting.ts";
import { flow } from "./flow.ts";
import { kills } from "./kills.ts";
import { lent } from "./lent.ts";
import { life } from "./life.ts";
import { limits } from "./limits.ts";
import { login } from "./login.ts";
import { processes } from "./processes.ts";
import { state } from "./state.ts";
import { statements } from "./statements.ts";
import { tls } from "./tls.ts";
import { transactions } from "./transactions.ts";
import { units } from "./units.ts";

const suites: readonly Suite[] = [
  connecting,
  login,
  tls,
  flow,
  statements,
  units,
  transactions,
  state,
  limits,
  kills,
  aborts,
  lent,
  life,
  processes,
];

/** The tests, in the order in which they are run. */
export const cases: readonly Case[] = suites.flatMap((suite) => suite.cases);

/** Returns the test of a name. */
export function caseOf(name: string): Case {
  const found = cases.find((each) => each.name === name);
  if (found === undefined) throw new RangeError(`There is no test of the name ${name}`);
  return found;
}
