/**
 * Ensures that neither a server nor its folder outlives the process that started it.
 *
 * A keeper is a shell that reads a pipe from this process. The pipe closes however this process
 * ends, SIGKILL included; the keeper then kills the server that it watches and removes the folder.
 * So this process needs no signal handlers.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

const script = `
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
  kill -KILL "$pid" 2>/dev/null
  for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
fi
rm -rf -- "$1"
`;

/** Watches one folder, and one process or none. */
export class Keeper {
  readonly #shell: ChildProcess;

  /** Creates a keeper of a folder; the keeper does not keep this process alive. */
  constructor(folder: string) {
    const stdio = ["pipe", "ignore", "inherit"] as const;
    this.#shell = spawn("sh", ["-c", script, "keeper", folder], {
      // In its own process group, as a terminal sends Ctrl-C to the whole group.
      detached: true,
      stdio: [...stdio],
    });
    this.#shell.unref();
  }

  /** Tells the keeper which process to kill; undefined if the last one has ended. */
  watch(pid: number | undefined): void {
    this.#shell.stdin?.write(`${pid ?? ""}\n`);
  }

  /** Lets the keeper do its work now; fulfilled when the folder is gone. */
  async release(): Promise<void> {
    this.#shell.ref();
    const exited = once(this.#shell, "exit");
    this.#shell.stdin?.end();
    await exited;
  }
}
