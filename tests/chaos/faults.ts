/**
 * What can befall a pool, each as something that begins, lasts and ends. When it has ended, all
 * is as it was: the pool has to find that out by itself.
 *
 * They come in three groups: at most one of each group lasts at a time, so that what one ends
 * another does not need.
 */

import type { Chance } from "../../examples/demo/chance.ts";
import type { ProgramRuntime } from "../conformance/command.ts";
import type { Proxy } from "../support/proxy.ts";
import type { Server } from "../support/server.ts";
import type { BankProcess } from "./bank_process.ts";

/** Where faults happen. */
export interface Scene {
  /** The server. */
  readonly server: Server;
  /** The network before it. */
  readonly proxy: Proxy;
  /** The client. */
  readonly bank: BankProcess;
}

/** Something that can befall a pool. */
export interface Fault {
  /** What it is called. */
  readonly kind: string;
  /** How long it lasts, at least and at most, in ms. */
  readonly lastsMs: readonly [least: number, most: number];
  /** Why it cannot befall a runtime. */
  readonly gaps?: Readonly<Partial<Record<ProgramRuntime, string>>>;
  /** Lets it begin; returns what ends it. */
  readonly begin: (scene: Scene, chance: Chance) => End | Promise<End>;
}

/** Ends a fault. */
export type End = () => Promise<void> | void;

/** How long a session may say nothing before the server ends it, in s: the least it can be told. */
export const waitTimeoutS = 1;

/** Ends a fault that has ended by itself. */
export const nothingLeft: End = () => undefined;
