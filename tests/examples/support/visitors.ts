/** Who asks the examples over HTTP, one at a time or many at once, and sees what became of it. */

import assert from "node:assert/strict";
import type { Server } from "../../support/server.ts";

/** How long an answer may take. */
const answerMsMax = 20_000;

/** What the examples answer. */
export interface Answer {
  /** The path that was asked for, as the session remembered it. */
  readonly path: string;
  /** The server's name for the connection. */
  readonly connection: number;
}

/** Asks for a path, on a connection of its own. */
export async function visit(url: string, path: string): Promise<Answer> {
  const response = await fetch(url + path, {
    headers: { connection: "close" },
    signal: AbortSignal.timeout(answerMsMax),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

/**
 * Asks for so many paths at once and expects the answer of each to be its own; returns how many
 * connections the server had at most meanwhile.
 */
export async function visitAtOnce(url: string, server: Server, count: number): Promise<number> {
  await server.query("FLUSH STATUS");
  const paths = Array.from({ length: count }, (_, i) => `/visitor/${i}`);
  const answers = await Promise.all(paths.map((path) => visit(url, path)));
  assert.deepEqual(answers.map(({ path }) => path), paths);
  return await server.status("Max_used_connections") - 1;
}
