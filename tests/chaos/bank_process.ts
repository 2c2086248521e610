/**
 * The process of the bank: callers can call its methods, freeze it, and deny it file descriptors.
 * It ends with the process that started it.
 */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { commandOf, type ProgramRuntime } from "../conformance/command.ts";
import { Keeper } from "../support/keeper.ts";
import type { methods } from "./bank/program.ts";

const run = promisify(execFile);
const program = fileURLToPath(new URL("bank/program.ts", import.meta.url));

/** How much of the stderr of a process to keep, in characters. */
const complaintLengthMax = 8_000;

type Methods = typeof methods;

/** The argument and the result of a method. */
type Argument<Name extends keyof Methods> = Parameters<Methods[Name]>[0];
type Answer<Name extends keyof Methods> = Awaited<ReturnType<Methods[Name]>>;

/** The answer of a process to a call. */
interface BankAnswer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** A bank in its own process. */
export class BankProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #keeper: Keeper;
  readonly #ended: Promise<never>;
  readonly #asked: Map<number, (answer: BankAnswer) => void> = new Map();
  #lastId = 0;
  #complaint = "";

  private constructor(child: ChildProcess, keeper: Keeper) {
    this.#child = child;
    this.#keeper = keeper;
    if (child.stdout === null || child.stderr === null) throw new Error("It has no output");
    createInterface({ input: child.stdout }).on("line", (line) => {
      const answer = JSON.parse(line) as BankAnswer;
      this.#asked.get(answer.id)?.(answer);
      this.#asked.delete(answer.id);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-complaintLengthMax);
    });
    this.#ended = once(child, "close").then(([status, signal]) => {
      throw new Error(`The bank has ended with ${signal ?? status}; it said:\n${this.#complaint}`);
    });
    this.#ended.catch(() => undefined);
  }

  /** Starts a process. */
  static async start(runtime: ProgramRuntime): Promise<BankProcess> {
    const keeper = new Keeper(await mkdtemp(join(tmpdir(), "sublet-bank-")));
    const [command, options] = await commandOf(runtime);
    const child = spawn(command, [...options, program], { stdio: ["pipe", "pipe", "pipe"] });
    keeper.watch(child.pid);
    return new BankProcess(child, keeper);
  }

  /** The end of the text that the process has written to stderr. */
  get complaint(): string {
    return this.#complaint;
  }

  /** Calls a method; rejects if the method fails, or the process has ended. */
  async ask<Name extends keyof Methods>(
    name: Name,
    argument: Argument<Name>,
  ): Promise<Answer<Name>> {
    const id = ++this.#lastId;
    const answered = new Promise<BankAnswer>((resolve) => this.#asked.set(id, resolve));
    this.#child.stdin?.write(`${JSON.stringify([id, name, argument])}\n`);
    const { value, error } = await Promise.race([answered, this.#ended]);
    if (error !== undefined) throw new Error(`The bank could not ${name}: ${error}`);
    return value as Answer<Name>;
  }

  /** Freezes the process by SIGSTOP. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  /** Lets the process continue. */
  thaw(): void {
    this.#child.kill("SIGCONT");
  }

  /** Denies the process new files and sockets; returns the function that allows them again. */
  async denyFiles(): Promise<() => Promise<void>> {
    const { pid } = this.#child;
    const limits = await readFile(`/proc/${pid}/limits`, "utf8");
    const allowed = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
    if (allowed === undefined) throw new Error(`Cannot tell how many files it may open: ${limits}`);
    const limit = async (count: string): Promise<void> => {
      await run("prlimit", ["--pid", String(pid), `--nofile=${count}:`]);
    };
    await limit("1");
    return () => limit(allowed);
  }

  /** Kills the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended.catch(() => undefined);
    this.#keeper.watch(undefined);
    await this.#keeper.release();
  }
}
