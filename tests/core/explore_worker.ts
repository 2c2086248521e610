/** One worker of the exploration: visits a configuration, or hunts a mutant. */

import { parentPort } from "node:worker_threads";
import * as core from "../../src/core/mod.ts";
import { configurations } from "./configurations.ts";
import { explore } from "./explore.ts";
import type { Answer, Task } from "./explore_main.ts";
import { mutants } from "./mutants.ts";
import { tryMutant } from "./mutate.ts";

parentPort!.on("message", async (task: Task) => {
  parentPort!.postMessage(await carryOut(task));
});

async function carryOut({ kind, index }: Task): Promise<Answer> {
  try {
    if (kind === "explore") return { outcome: explore(core, configurations[index]!) };
    return { fate: await tryMutant(mutants[index]!) };
  } catch (error) {
    return { error: error instanceof Error ? error.stack ?? error.message : String(error) };
  }
}
