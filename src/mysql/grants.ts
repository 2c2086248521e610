/**
 * What the privileges of a user let him see. MySQL shows a trigger only to who has the privilege
 * TRIGGER on its table, MariaDB to who has any, and both show a view to who has any privilege on
 * it; so where he has none for the whole database, there may be some that he does not see.
 */

/** Privileges on the tables of a database, or of all databases. */
interface Grant {
  readonly grantee: string;
  /** Whether it takes privileges away from those for all databases. */
  readonly isRevoked: boolean;
  /** The pattern of the databases' names; undefined if it is for all. */
  readonly pattern: string | undefined;
  readonly privileges: ReadonlySet<string>;
}

/** The privileges by which tables and views are shown. */
const showing: readonly string[] = [
  "ALL PRIVILEGES",
  "SELECT",
  "INSERT",
  "UPDATE",
  "DELETE",
  "CREATE",
  "DROP",
  "REFERENCES",
  "INDEX",
  "ALTER",
  "CREATE VIEW",
  "SHOW VIEW",
  "TRIGGER",
];
/** That by which triggers are shown. */
const showingTriggers: readonly string[] = ["ALL PRIVILEGES", "TRIGGER"];
/** Databases of the server itself, which have no triggers, and whose views leave nothing. */
const own: ReadonlySet<string> = new Set(["information_schema", "performance_schema"]);
/** How many databases are remembered. */
const toldMax = 1000;
/** A name as servers write it: in quotes, unless they are told not to. */
const name = '`(?:[^`]|``)*`|"(?:[^"]|"")*"|[^`"\\s.]+';
/** A line for a whole database; those for tables, columns and roles look different. */
const line: RegExp = new RegExp(
  `^(GRANT|REVOKE) ([A-Z_ ,]+) ON (\\*|${name})\\.\\* (?:TO|FROM) (\\S+)`,
);

/** What a user may see. */
export class Grants {
  readonly #grants: readonly Grant[];
  readonly #told: Map<string, boolean> = new Map();

  /** Reads the lines of SHOW GRANTS, for the user himself and the roles that he has taken. */
  constructor(lines: readonly string[]) {
    this.#grants = lines.flatMap((text) => {
      const [, verb, privileges = "", database = "", grantee = ""] = line.exec(text) ?? [];
      if (verb === undefined) return [];
      return [{
        grantee,
        isRevoked: verb === "REVOKE",
        pattern: database === "*" ? undefined : unquoted(database),
        privileges: new Set(privileges.split(/, ?/)),
      }];
    });
  }

  /** Tells whether he sees all triggers on the tables of a database. */
  showTriggers(database: string): boolean {
    return this.#show(database, showingTriggers);
  }

  /** Tells whether he sees all views and tables of a database. */
  showViews(database: string): boolean {
    return this.#show(database, showing);
  }

  #show(database: string, privileges: readonly string[]): boolean {
    if (own.has(database.toLowerCase())) return true;
    const key = `${privileges.length} ${database}`;
    const told = this.#told.get(key);
    if (told !== undefined) return told;
    const isGiven = this.#isGiven(database, privileges);
    if (this.#told.size >= toldMax) this.#told.clear();
    this.#told.set(key, isGiven);
    return isGiven;
  }

  /**
   * Of several patterns that match, servers take one, by rules of their own: so each has to have
   * the privilege. What another user or role gives comes on top of that.
   */
  #isGiven(database: string, wanted: readonly string[]): boolean {
    const has = ({ privileges }: Grant): boolean => wanted.some((one) => privileges.has(one));
    const all = this.#grants.filter(({ pattern }) => pattern === undefined);
    const its = this.#grants.filter(({ pattern }) => {
      return pattern !== undefined && expressionOf(pattern, ".").test(database);
    });
    const isTaken = its.some((grant) => grant.isRevoked && has(grant));
    if (!isTaken && all.some(has)) return true;
    const given = its.filter(({ isRevoked }) => !isRevoked);
    return given.some((grant) => {
      const others = given.filter(({ grantee }) => grantee === grant.grantee);
      return expressionOf(grant.pattern ?? "", "_").test(database) && others.every(has);
    });
  }
}

function unquoted(name: string): string {
  const quote = name[0] ?? "";
  return quote === "`" || quote === '"' ? name.slice(1, -1).replaceAll(quote + quote, quote) : name;
}

/**
 * Returns what matches the databases that a pattern stands for. MySQL can be set up to take `_` for
 * itself, so `underscore` says what it matches: any character, or itself alone.
 */
function expressionOf(pattern: string, underscore: string): RegExp {
  const parts = pattern.replace(/\\([_%])|[_%]|\W/gsu, (part, literal: string | undefined) => {
    if (literal !== undefined) return literal;
    return part === "%" ? ".*" : part === "_" ? underscore : `\\u{${hexOf(part)}}`;
  });
  return new RegExp(`^${parts}$`, "su");
}

function hexOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16);
}
