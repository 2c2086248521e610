/** Sends HTTP requests to the examples, one at a time or concurrently, and checks the answers. */

import assert from "node:assert/strict";
import type { Server } from "../../support/server.ts";

/** How long an answer may take. */
const answerMsMax = 20_000;

/** The answer of an example. */
export interface Answer {
  /** The path of the request, as the session stored it. */
  readonly path: string;
  /** The server's id of the connection. */
  readonly connection: number;
}

/** Requests a path, on a new HTTP connection. */
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
 * Requests a number of paths at once, and expects that each request gets its own answer; returns
 * the maximum number of connections at the server meanwhile.
 */
export async function visitAtOnce(url: string, server: Server, count: number): Promise<number> {
  await server.query("FLUSH STATUS");
  const paths = Array.from({ length: count }, (_, i) => `/visitor/${i}`);
  const answers = await Promise.all(paths.map((path) => visit(url, path)));
  assert.deepEqual(answers.map(({ path }) => path), paths);
  return await server.status("Max_used_connections") - 1;
}
