/** Profiles CPU time with the sampling profiler of V8, or of JavaScriptCore in Bun. */

import { type Profiler, type Runtime, Session } from "node:inspector";

/** The URLs of the profiler itself, in Node and in Deno. */
const INSPECTOR = /^(node:inspector|ext:deno_node\/inspector\.js)$/;

/** A function, and its self time. */
export interface Work {
  /** Its name. */
  readonly name: string;
  /** The URL of its file; empty for native code. */
  readonly url: string;
  /** Its self time, in µs. */
  readonly us: number;
}

/** Runs code, and returns the functions that worked meanwhile, except the profiler's. */
export async function profiled(run: () => Promise<void>): Promise<Work[]> {
  const session = new Session();
  session.connect();
  const post = (method: string, params: object = {}): Promise<object | undefined> =>
    new Promise((resolve, reject) => {
      session.post(method, params, (error, result) => error ? reject(error) : resolve(result));
    });
  await post("Profiler.enable");
  await post("Profiler.setSamplingInterval", { interval: 200 });
  await post("Profiler.start");
  await run();
  const { profile } = await post("Profiler.stop") as { profile: Profiler.Profile };
  session.disconnect();
  return workOf(profile);
}

function workOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Work[] {
  const us = new Map<number, number>();
  for (const [index, id] of samples.entries()) {
    us.set(id, (us.get(id) ?? 0) + (timeDeltas[index] ?? 0));
  }
  const isWork = ({ functionName, url }: Runtime.CallFrame): boolean =>
    functionName !== "(idle)" && !INSPECTOR.test(url);
  return nodes.filter(({ callFrame }) => isWork(callFrame)).map(({ id, callFrame }) => ({
    name: callFrame.functionName || "(anonymous)",
    url: callFrame.url,
    us: us.get(id) ?? 0,
  }));
}
