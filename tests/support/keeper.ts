/**
 * Sees to it that nothing of a server outlives the process that started it.
 *
 * A keeper is a shell that reads its standard input. As the other end of that pipe is ours,
 * it closes however this process ends, SIGKILL included; the keeper then kills the server
 * that it was told of last and removes the folder. So nobody has to listen to signals.
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

/** Keeps one server, or none at the moment, and one folder. */
export class Keeper {
  readonly #shell: ChildProcess;

  /** Creates a keeper of a folder; it does not hold this process open. */
  constructor(folder: string) {
    const stdio = ["pipe", "ignore", "inherit"] as const;
    this.#shell = spawn("sh", ["-c", script, "keeper", folder], {
      // Of a process group of its own, as Ctrl-C in a terminal is sent to all of a group.
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
