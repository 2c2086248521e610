/**
 * Decides which local files a server may ask for.
 *
 * A server answers LOAD DATA LOCAL with the name of the file that it wants. The driver would have
 * the user's `infileStreamFactory` open any file that a server names, in answer to any statement.
 * So this module compares the name with the text of the statement that was sent, which must name
 * that very file. A server that asks for another file is not what it seems, and its session ends.
 */

import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import type { DriverCommand, Packet, StreamFactory } from "./mysql2_internals.ts";
import { END, Lexer, MODE_UNKNOWN, WORD } from "./lexer.ts";
import { errnoOf, protocolError } from "./errors.ts";

/** The first byte of an answer that asks for a file. */
const marker = 0xfb;
/** How much of a name an error shows. */
const shownMax = 100;

/**
 * Returns an error if a packet asks for a file that its statement does not name. Otherwise gives
 * the command the method that reads the answer to a file: the driver's prepared statements lack it.
 */
export function strangeDemand(
  { buffer, offset, end }: Packet,
  command: DriverCommand | null | undefined,
): Error | undefined {
  if (buffer[offset] !== marker || !command || command.next !== command.resultsetHeader) {
    return undefined;
  }
  const asked = String.fromCharCode(...buffer.subarray(offset + 1, Math.min(end, offset + 4096)));
  const files = filesOf(command.sql ?? command.statement?.query ?? "");
  if (files.some((file) => comparable(file) === comparable(asked))) {
    command.infileOk ??= command.resultsetHeader;
    const factory = command._streamFactory;
    if (factory !== undefined) command._streamFactory = (path) => fileOf(factory, path);
    return undefined;
  }
  return protocolError(
    `The server asks for the file ${JSON.stringify(asked.slice(0, shownMax))}, ` +
      "which the statement does not name",
  );
}

/**
 * Returns the stream of a file as the driver takes it: chunks of bytes, and any error as an event.
 * Then the statement rejects with the error of the caller's own factory or stream.
 */
function fileOf(factory: StreamFactory, path: string): Readable {
  return Readable.from(bytesOf(factory, path), { objectMode: false });
}

async function* bytesOf(factory: StreamFactory, path: string): AsyncGenerator<Buffer> {
  const source: unknown = await factory(path);
  if (typeof Object(source)[Symbol.asyncIterator] !== "function") {
    throw new TypeError(
      `The option infileStreamFactory must return a stream: it returned a ${typeof source}`,
    );
  }
  for await (const chunk of source as AsyncIterable<unknown>) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    if (!(bytes instanceof Uint8Array)) {
      throw new TypeError(
        `The stream of ${path} must give bytes or text: it gave a ${typeof chunk}`,
      );
    }
    if (bytes.length > 0) yield Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }
}

/** The errors of a server or a client that does not allow local files. */
const forbidden: readonly unknown[] = [1148, 3948, 4166];

/** Adds to an error, if it says that local files are not allowed, which options allow them. */
export function adviseInfile(error: unknown): void {
  if (!(error instanceof Error) || !isInfileForbidden(error)) return;
  error.message += " (the pool sends a file only with the option infileStreamFactory, and the " +
    "server takes one only with its variable local_infile)";
}

function isInfileForbidden(error: Error): boolean {
  return forbidden.includes(errnoOf(error)) && /local|command is not allowed/i.test(error.message);
}

/** Returns the names of the files that the statements of a text let a server read. */
export function filesOf(sql: string): string[] {
  const files: string[] = [];
  const tokens = [...tokensOf(sql)];
  for (const [index, token] of tokens.entries()) {
    if (token !== "INFILE" || tokens[index - 1] !== "LOCAL") continue;
    const isHurried = /^(?:LOW_PRIORITY|CONCURRENT)$/.test(tokens[index - 2] ?? "");
    const at = index - (isHurried ? 3 : 2);
    if (tokens[at - 1] !== "LOAD" || !/^(?:DATA|XML)$/.test(tokens[at] ?? "")) continue;
    const literal = tokens[index + 1] ?? "";
    if (/^['"]/.test(literal)) files.push(...readings(literal));
  }
  return files;
}

/** Yields words in upper case, literals and single characters, also those in versioned comments. */
function* tokensOf(sql: string): Generator<string> {
  const lexer = new Lexer(sql, MODE_UNKNOWN, true);
  for (let kind = lexer.next(); kind !== END; kind = lexer.next()) {
    const token = sql.slice(lexer.start, lexer.end);
    yield kind === WORD ? token.toUpperCase() : token;
  }
}

/** What a backslash and a letter stand for; with any other letter, they stand for the letter. */
const escapes: ReadonlyMap<string, string> = new Map(
  Object.entries({ 0: "\0", b: "\b", n: "\n", r: "\r", t: "\t", Z: "\x1a", "%": "\\%", _: "\\_" }),
);

/** Returns what a literal stands for, first without backslash escapes, then with them. */
function readings(literal: string): string[] {
  const quote = literal[0] ?? "";
  const content = literal.slice(1, -1).replaceAll(quote + quote, quote);
  const escaped = content.replace(/\\([^])/g, (_, letter) => escapes.get(letter) ?? letter);
  return [content, escaped];
}

/**
 * Returns a name without its non-ASCII letters, which each character set encodes in its own way.
 */
function comparable(name: string): string {
  return name.replace(/[^\x20-\x7e]+/g, "\0");
}
