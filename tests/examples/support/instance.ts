/**
 * An instance of a serverless host on Node: `node instance.ts lambda` loads that example once,
 * calls it for each path that it reads, one per line, and prints the answers.
 *
 * On Vercel a request has a context whose `waitUntil` delays the freeze of the instance. When no
 * such promise is pending, the program prints the connections closed so far.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe } from "node:diagnostics_channel";
import process from "node:process";
import { createInterface } from "node:readline";

/** The context of a request on Vercel. */
interface RequestContext {
  waitUntil(promise: Promise<unknown>): void;
}

type Invoke = (path: string) => Promise<unknown>;

/** The exports of the examples, under the names that their hosts call. */
interface Lambda {
  handler(event: { readonly rawPath: string }): Promise<{ readonly body: string }>;
}
interface Vercel {
  GET(request: Request): Promise<Response>;
}

const invoke = process.argv[2] === "lambda" ? await lambda() : await vercel();
for await (const line of createInterface({ input: process.stdin })) {
  print(await invoke(JSON.parse(line)));
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Loads an example dynamically, as its types are checked with the host's, not with this file. */
async function load<Module>(name: string): Promise<Module> {
  return await import(new URL(`../../../examples/${name}`, import.meta.url).href);
}

async function lambda(): Promise<Invoke> {
  const { handler } = await load<Lambda>("lambda.ts");
  return async (rawPath) => JSON.parse((await handler({ rawPath })).body);
}

async function vercel(): Promise<Invoke> {
  const requests: AsyncLocalStorage<RequestContext> = new AsyncLocalStorage();
  const place = Symbol.for("@vercel/request-context");
  Object.assign(globalThis, { [place]: { get: () => requests.getStore() } });
  const { GET } = await load<Vercel>("vercel.ts");
  const removed: number[] = [];
  subscribe("sublet:remove", (news) => removed.push((news as { threadId: number }).threadId));
  let awaited = 0;
  const waitUntil = (promise: Promise<unknown>): void => {
    awaited++;
    promise.then(() => {
      if (--awaited === 0) print({ removed });
    });
  };
  return (path) =>
    requests.run({ waitUntil }, async () => {
      return await (await GET(new Request(`http://localhost${path}`))).json();
    });
}
