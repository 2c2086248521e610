/** Words that tell statements apart, all in lower case. */

/** First words of the statement that follows a WITH, and of a query. */
export const verbs: ReadonlySet<string> = wordSet(
  "select insert update delete replace values table",
);
/** Words that may precede the name of the table that gets rows. */
export const beforeTarget: ReadonlySet<string> = wordSet(
  "insert replace low_priority delayed high_priority ignore into",
);
/** First words of statements that run calls only behind SELECT, or SET, if at all. */
export const declaring: ReadonlySet<string> = wordSet("create alter drop grant revoke rename load");
/** The declaring words that a kind of object follows. */
export const defining: ReadonlySet<string> = wordSet("create alter drop");
/** The kinds of objects that may follow. */
export const objects: ReadonlySet<string> = wordSet(
  "table tables index view procedure function trigger event package database schema user role " +
    "server sequence tablespace instance prepare resource spatial logfile",
);
/** Kinds of objects whose definition runs nothing. */
export const stored: ReadonlySet<string> = wordSet("view procedure function trigger event package");
/** System variables that return a generated id. */
export const asksId: ReadonlySet<string> = wordSet("identity last_insert_id");
/** System variables that return what the previous statement, or transaction, has left. */
export const asksPrevious: ReadonlySet<string> = wordSet("warning_count error_count last_gtid");
/** Tables that have the variables of a session as rows. */
export const listing: ReadonlySet<string> = wordSet("session_variables system_variables");
/** First words of a SHOW that lists the same variables. */
export const showing: RegExp = /^show (?:session |local )?variables$/;
/** Words by which a query may have no rows, or the server may not run a part of it. */
export const limiting: ReadonlySet<string> = wordSet("from where having limit case");
/** Options that may stand between SELECT and its expressions. */
export const options: ReadonlySet<string> = wordSet(
  "all distinct distinctrow high_priority straight_join sql_small_result sql_big_result " +
    "sql_buffer_result sql_cache sql_no_cache sql_calc_found_rows",
);
/** Reserved words of the bodies of triggers that a bracket may follow. */
export const flow: ReadonlySet<string> = wordSet("elseif until while");
/** Beginnings of statements after which a bracket belongs to no call. */
export const leading: RegExp = new RegExp(
  "^(?:do|(?:explain|desc|describe|analyze)(?: extended| partitions| analyze)?" +
    String.raw`(?: format = \w+)?) \($`,
);
/** GET_LOCK, and the functions of MySQL's locking service. */
export const locking: RegExp =
  /^(?:get_lock|service_get_(?:read|write)_locks|version_tokens_lock_\w+)$/;

/** Each statement that runs a view or the triggers of a table has one of these words. */
export const naming: ReadonlySet<string> = wordSet(
  "from into insert join straight_join replace table update",
);
/** The most used reserved words: they are names only in quotes. */
export const reserved: ReadonlySet<string> = wordSet(
  "select insert into replace values update set delete from where and or not in is null like " +
    "between join left right inner outer cross on using group by order having limit as union " +
    "distinct asc desc exists case when then else for with table",
);

/**
 * Character sets in which no byte of another character can look like a quote or a backslash, as it
 * can in big5, cp932, gb18030, gbk and sjis.
 */
const plainCharsets: ReadonlySet<string> = wordSet(
  "armscii8 ascii binary cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 dec8 eucjpms euckr gb2312 " +
    "geostd8 greek hebrew hp8 keybcs2 koi8r koi8u latin1 latin2 latin5 latin7 macce macroman " +
    "tis620 ujis utf8 utf8mb3 utf8mb4",
);

/** Returns whether a name, as written in the text, surely means such a character set. */
export function isPlainCharset(name: string): boolean {
  return plainCharsets.has(name);
}

function wordSet(words: string): ReadonlySet<string> {
  return new Set(words.split(" "));
}
