/**
 * Faults, each of which begins, lasts and ends. After its end everything works as before: the pool
 * has to notice that by itself.
 *
 * Faults come in three groups. At most one fault of each group lasts at a time, so that no fault
 * ends a state that another fault needs.
 */

import type { Chance } from "../../examples/demo/chance.ts";
import type { ProgramRuntime } from "../conformance/command.ts";
import type { Proxy } from "../support/proxy.ts";
import type { Server } from "../support/server.ts";
import type { BankProcess } from "./bank_process.ts";

/** The parts of a bank in which faults happen. */
export interface Scene {
  /** The server. */
  readonly server: Server;
  /** The network before the server. */
  readonly proxy: Proxy;
  /** The client. */
  readonly bank: BankProcess;
}

/** A fault. */
export interface Fault {
  /** Its name. */
  readonly kind: string;
  /** How long the fault lasts, at least and at most, in ms. */
  readonly lastsMs: readonly [least: number, most: number];
  /** Why a runtime cannot have the fault. */
  readonly gaps?: Readonly<Partial<Record<ProgramRuntime, string>>>;
  /** Begins the fault; returns the function that ends it. */
  readonly begin: (scene: Scene, chance: Chance) => End | Promise<End>;
}

/** Ends a fault. */
export type End = () => Promise<void> | void;

/** The server's `wait_timeout`, in s: the lowest value that it accepts. */
export const waitTimeoutS = 1;

/** The end of a fault that has ended by itself. */
export const nothingLeft: End = () => undefined;
