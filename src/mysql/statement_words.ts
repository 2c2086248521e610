/** Words by which statements are told apart, all in lower case. */

/** What a WITH may lead to, and what a query may begin with. */
export const verbs: ReadonlySet<string> = wordSet(
  "select insert update delete replace values table",
);
/** What may stand before the name of the table that gets rows. */
export const beforeTarget: ReadonlySet<string> = wordSet(
  "insert replace low_priority delayed high_priority ignore into",
);
/** First words of statements that run calls only behind SELECT, or SET, if at all. */
export const declaring: ReadonlySet<string> = wordSet(
  "create alter drop grant revoke rename load",
);
/** Those of them that say what they are about. */
export const defining: ReadonlySet<string> = wordSet("create alter drop");
/** What they may be about. */
export const objects: ReadonlySet<string> = wordSet(
  "table tables index view procedure function trigger event package database schema user role " +
    "server sequence tablespace instance prepare resource spatial logfile",
);
/** Objects whose definition runs nothing. */
export const stored: ReadonlySet<string> = wordSet(
  "view procedure function trigger event package",
);
/** System variables that return an id that was generated. */
export const asksId: ReadonlySet<string> = wordSet("identity last_insert_id");
/** System variables that tell what the statement, or the transaction, before has left. */
export const asksPrevious: ReadonlySet<string> = wordSet("warning_count error_count last_gtid");
/** GET_LOCK, and the functions of MySQL's locking service. */
export const locking: RegExp =
  /^(?:get_lock|service_get_(?:read|write)_locks|version_tokens_lock_\w+)$/;

/** Tells whether a byte of a character can look like a quote or a backslash in a character set. */
export function isOddCharset(name: string): boolean {
  return /^(?:big5|cp932|gb18030|gbk|sjis)/.test(name);
}

function wordSet(words: string): ReadonlySet<string> {
  return new Set(words.split(" "));
}
