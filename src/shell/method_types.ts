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

/** The parameters of a text. */
export type ArgsOf<Sql extends string> = string extends Sql
  ? Readonly<Record<string, unknown>> | readonly unknown[] | void
  : [NamesIn<CodeOf<Sql>>] extends [never]
    ? CodeOf<Sql> extends `${string}?${string}` ? readonly unknown[] : void
  : { readonly [Name in NamesIn<CodeOf<Sql>>]: unknown };

/** The result of a text: the header of a statement that writes and returns nothing, else rows. */
export type ResultOf<Sql extends string> = Uppercase<TrimmedOf<Sql>> extends
  `${"INSERT" | "UPDATE" | "DELETE" | "REPLACE"}${" " | "\n" | "\t" | "\r"}${infer Rest}`
  ? Rest extends `${string}RETURNING${string}` ? Row : ResultHeader
  : Row;

/** A text without its comments, strings and quoted names: all that begins with `Open`, and more. */
export type CodeOf<Sql extends string, Open extends "/*" | "'" | '"' | "`" = "/*"> = Sql extends
  `${infer Before}${Open}${string}${Open extends "/*" ? "*/" : Open}${infer After}`
  ? CodeOf<`${Before} ${After}`, Open>
  : Open extends "/*" ? CodeOf<Sql, "'">
  : Open extends "'" ? CodeOf<Sql, '"'>
  : Open extends '"' ? CodeOf<Sql, "`">
  : Sql;

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
