/** Runs programs in a child process, on a server that {@linkcode openGround} starts. */

import { spawn } from "node:child_process";
import { isAbsolute, join } from "node:path";
import { createInterface } from "node:readline";
import { once } from "node:events";
import { commandOf, type ProgramRuntime } from "../conformance/command.ts";
import { type Server, startServer } from "../support/server.ts";
import type { Flavor } from "../support/server_binary.ts";
import { root } from "../support/source.ts";
import type { Failure, News, Task } from "./worker.ts";
import type { WorldAddress } from "./world.ts";

/** How many programs run at once in one process. */
const sites = 12;
/** How long a process may take beyond its task's seconds, in ms. */
const beyondMsMax = 60_000;

/** A server for programs. */
export interface Ground extends AsyncDisposable {
  readonly address: Omit<WorldAddress, "prefix">;
}

/** The options of a run; by default programs of the seed without limit, in this tree, on Node. */
export interface HuntOptions extends Partial<Omit<Task, keyof WorldAddress>> {
  readonly seed: number;
  readonly seconds: number;
  readonly prefix: string;
  readonly runtime?: ProgramRuntime;
  /** The folder of the project, or of a copy. */
  readonly tree?: string;
  /** Called with each program that failed; ends the run by returning true. */
  readonly failed?: (failure: Failure) => boolean;
}

/** The result of a run. */
export interface Catch {
  readonly programs: number;
  readonly failures: readonly Failure[];
  /** The exit and the stderr of the process, if it failed. */
  readonly crash: string | undefined;
}

/** Starts a server for programs. */
export async function openGround(flavor: Flavor): Promise<Ground> {
  const options = ["--general-log=1", "--general-log-file=general.log", "--max-connections=400"];
  const server: Server = await startServer({ flavor, options });
  const [found] = await server.query<{ folder: string; file: string }>(
    "SELECT @@datadir AS folder, @@general_log_file AS file",
  );
  if (found === undefined) throw new Error("The server does not say where its log is");
  const logPath = isAbsolute(found.file) ? found.file : join(found.folder, found.file);
  return {
    address: { rootUrl: server.rootUrl, logPath, flavor },
    [Symbol.asyncDispose]: () => server.remove(),
  };
}

/** Runs programs, and returns how many ran and which failed. */
export async function hunt({ address }: Ground, options: HuntOptions): Promise<Catch> {
  const { runtime = "node", tree = root, failed, ...rest } = options;
  const task: Task = {
    sites,
    programsMax: Number.MAX_SAFE_INTEGER,
    failuresMax: Number.MAX_SAFE_INTEGER,
    shrinkSeconds: 0,
    ...rest,
    ...address,
  };
  const [program, args] = await commandOf(runtime);
  const worker = join(tree, "tests", "programs", "worker.ts");
  const child = spawn(program, [...args, worker, JSON.stringify(task)], {
    cwd: tree,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: (task.seconds + task.shrinkSeconds) * 1_000 + beyondMsMax,
    killSignal: "SIGKILL",
  });
  const closed = once(child, "close");
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(0, 4_000);
  });
  const failures: Failure[] = [];
  let programs: number | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    const news: News = JSON.parse(line);
    if (news.kind === "end") programs = news.programs;
    else {
      failures.push(news.failure);
      if (failed?.(news.failure)) child.kill("SIGKILL");
    }
  }
  const [status, signal] = await closed;
  const isStopped = failed !== undefined && signal === "SIGKILL";
  const isGood = programs !== undefined && status === 0 || isStopped;
  const crash = isGood ? undefined : `It ended with ${signal ?? status}: ${complaint}`;
  return { programs: programs ?? 0, failures, crash };
}
