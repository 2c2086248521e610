/**
 * The types of SQL methods: what a literal text tells the compiler of the parameters and the result
 * of its statement. Quotes and comments in a text may hold colons, so they are cut out first.
 */

import type { ResultHeader, Row, RunOptions } from "./statement.ts";

/**
 * A statement as a function, which takes the values of its parameters. It returns the rows or, if
 * `Result` is a {@linkcode ResultHeader}, the header.
 */
export type Method<Args, Result> = (
  args: Args,
  options?: RunOptions,
) => Promise<Result extends ResultHeader ? Result : Result[]>;

/** The method of a text: a literal one names its parameters, and tells whether it writes. */
export type MethodOf<Sql extends string> = Method<ArgsOf<Sql>, ResultOf<Sql>>;

/** The parameters of a text; any parameters, if the compiler cannot tell them for certain. */
export type ArgsOf<Sql extends string> = string extends CodeOf<Sql>
  ? Readonly<Record<string, unknown>> | readonly unknown[] | void
  : [NamesIn<CodeOf<Sql>>] extends [never]
    ? CodeOf<Sql> extends `${string}?${string}` ? readonly unknown[] : void
  : { readonly [Name in NamesIn<CodeOf<Sql>>]: unknown };

/** The result of a text: the header of a statement that writes and returns nothing, else rows. */
export type ResultOf<Sql extends string> =
  Uppercase<TrimmedOf<string extends CodeOf<Sql> ? Sql : CodeOf<Sql>>> extends
    `${WritingVerb}${" " | "\n" | "\t" | "\r"}${infer Rest}`
    ? Rest extends `${string}RETURNING${string}` ? Row : ResultHeader
    : Row;

/** The first words of the statements that write. */
export type WritingVerb =
  | "ALTER"
  | "CREATE"
  | "DELETE"
  | "DROP"
  | "INSERT"
  | "REPLACE"
  | "TRUNCATE"
  | "UPDATE";

/**
 * A text without its comments, strings and quoted names, after the text in `Code`; `string` if the
 * compiler cannot tell where they end: a backslash may be part of an escape, and some servers run
 * versioned comments.
 */
export type CodeOf<Sql extends string, Code extends string = ""> = string extends Sql ? string
  : Sql extends `${string}\\${string}` ? string
  : Sql extends `${HeadOf<Sql>}${infer Quoted}`
    ? Quoted extends "" ? `${Code}${Sql}` : CodeOf<AfterQuoted<Quoted>, `${Code}${HeadOf<Sql>} `>
  : string;

/** A text as far as its first comment, string or quoted name. */
export type HeadOf<Sql extends string> = Before<
  Before<Before<Before<Before<Before<Sql, "'">, '"'>, "`">, "/*">, "--">,
  "#"
>;

/** A text as far as a mark. */
export type Before<Text extends string, Mark extends string> = Text extends
  `${infer Head}${Mark}${string}` ? Head : Text;

/** The rest of a text after the comment, string or quoted name at its beginning. */
export type AfterQuoted<Text extends string> = Text extends
  | `'${string}'${infer After}`
  | `"${string}"${infer After}`
  | `\`${string}\`${infer After}` ? After
  : Text extends `/*${"!" | "M!"}${string}` ? string
  : Text extends `/*${string}*/${infer After}` ? After
  : Text extends `${"#" | "-- " | "--\t"}${string}\n${infer After}` | `--\n${infer After}` ? After
  : Text extends `${"#" | "-- " | "--\t"}${string}` ? ""
  : string;

/** The names after colons in a text, and `Found`. */
export type NamesIn<Sql extends string, Found extends string = never> = Sql extends
  `${string}:${infer After}`
  ? After extends `${"=" | ":" | Digit}${infer Rest}` ? NamesIn<Rest, Found>
  : NamesIn<After, Found | Exclude<NameAt<After>, "">>
  : Found;

/** The name at the beginning of a text, after the letters in `Name`. */
export type NameAt<Text extends string, Name extends string = ""> = Text extends
  `${infer Letter}${infer Rest}`
  ? Lowercase<Letter> extends Uppercase<Letter>
    ? Letter extends "_" | "$" | Digit ? NameAt<Rest, `${Name}${Letter}`> : Name
  : NameAt<Rest, `${Name}${Letter}`>
  : Name;

/** A text without white space at its beginning. */
export type TrimmedOf<Sql extends string> = Sql extends `${" " | "\n" | "\t" | "\r"}${infer Rest}`
  ? TrimmedOf<Rest>
  : Sql;

/** A digit. */
export type Digit = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9";
