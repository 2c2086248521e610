/** What single keywords tell of a statement, wherever in it they stand. */

import type { LastTokens } from "./last_tokens.ts";
import type { ReadStatement } from "./read_statement.ts";
import { limiting } from "./statement_words.ts";

/** Notes what a keyword tells of the statement `now`; the tokens before it are the last. */
export function noteKeyword(now: ReadStatement, word: string, { w0, w1 }: LastTokens): void {
  if (limiting.has(word)) now.isLimited = true;
  else if (word === "returning") now.returns = true;
  else if (word === "duplicate") now.isUpsert ||= w0 === "on";
  else if (word === "ignore") now.isIgnoring = true;
  else if (word === "sql_calc_found_rows") now.countsRows = true;
  else if (word === "outfile" || word === "dumpfile") now.intoFile ||= w0 === "into";
  else if (word === "lock") now.keepsOpen ||= w0 === "read" && w1 === "with";
  else if (word === "export") now.keepsOpen ||= w0 === "for";
  else if (word === "open") now.keepsOpen ||= now.verb === "handler";
}
