/**
 * As much of MySQL's lexical rules as is needed to tell code from what only looks like it:
 * strings, quoted names and comments. The content of a versioned comment is code.
 */

const QUOTE = 0x27;
const DOUBLE_QUOTE = 0x22;
const BACKQUOTE = 0x60;
const BACKSLASH = 0x5c;
const HASH = 0x23;
const DASH = 0x2d;
const SLASH = 0x2f;
const STAR = 0x2a;

/**
 * Returns where the string, quoted name or comment that begins at `at` ends, or `at` if none
 * does. A backslash escapes, as it does unless the sql_mode says otherwise.
 */
export function skipOpaque(sql: string, at: number): number {
  switch (sql.charCodeAt(at)) {
    case QUOTE:
    case DOUBLE_QUOTE:
    case BACKQUOTE:
      return skipQuoted(sql, at);
    case HASH:
      return skipLine(sql, at);
    case DASH:
      return isDashComment(sql, at) ? skipLine(sql, at) : at;
    case SLASH:
      return sql.charCodeAt(at + 1) === STAR && !isVersioned(sql, at) ? skipBlock(sql, at) : at;
    default:
      return at;
  }
}

/** Tells whether the comment at `at` is one whose content the server runs. */
export function isVersioned(sql: string, at: number): boolean {
  return sql.startsWith("/*!", at) || sql.startsWith("/*M!", at);
}

/** Ends behind the closing quote; one that is doubled does not close. */
function skipQuoted(sql: string, start: number): number {
  const quote = sql.charCodeAt(start);
  for (let at = start + 1; at < sql.length; at++) {
    const code = sql.charCodeAt(at);
    if (code === BACKSLASH && quote !== BACKQUOTE) at++;
    else if (code === quote) {
      if (sql.charCodeAt(at + 1) !== quote) return at + 1;
      at++;
    }
  }
  return sql.length;
}

/** Two dashes begin a comment only before white space or the end. */
function isDashComment(sql: string, at: number): boolean {
  return sql.charCodeAt(at + 1) === DASH && !(sql.charCodeAt(at + 2) > 0x20);
}

function skipLine(sql: string, start: number): number {
  const end = sql.indexOf("\n", start);
  return end === -1 ? sql.length : end + 1;
}

function skipBlock(sql: string, start: number): number {
  const end = sql.indexOf("*/", start + 2);
  return end === -1 ? sql.length : end + 2;
}
