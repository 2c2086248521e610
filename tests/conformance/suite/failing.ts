/** Checks for tests in which a connection cannot be opened. */

import type { Pool } from "../../../mod.ts";
import type { Runtime } from "../../../src/port/socket.ts";
import { refused, threadOf } from "../../support/asking.ts";
import type { World } from "./world.ts";

/** The cause of an error of the pool, with the fields that Node gives its errors. */
export interface Cause extends Error {
  /** Its code. */
  readonly code?: string;
  /** The server's number for it. */
  readonly errno?: number;
}

/** Expects that a pool cannot open a connection, and returns the cause. */
export async function causeOf(db: Pool<"main">): Promise<Cause> {
  const { cause } = await refused(threadOf(db), "CONNECT_FAILED");
  if (!(cause instanceof Error)) throw new Error(`The cause is no error: ${cause}`);
  return cause;
}

/**
 * Returns the code of an unreachable host; Workers do not report the reason, so there the code is
 * always the same.
 */
export function unreachable({ runtime }: World, code: string): string {
  return runtime === "workerd" ? "EHOSTUNREACH" : code;
}

/** The stage at which the pool gives up a connection. */
export type Stage = "connect" | "handshake" | "session";

/** The stages that a runtime's sockets do not cancel by themselves. */
const stubborn: Readonly<Partial<Record<Runtime, readonly Stage[]>>> = {
  bun: ["connect"],
  deno: ["handshake"],
  workerd: ["connect", "handshake"],
};

/**
 * Waits until no client has a connection to a port, after the pool gave up what was under way
 * there. If a runtime does not cancel that, the other side ends first. Workers end it with their
 * request, so for them the lab checks after the test.
 */
export async function leftAlone(
  { runtime, lab }: World,
  port: number,
  stage: Stage,
): Promise<void> {
  if (stubborn[runtime]?.includes(stage)) {
    if (runtime === "workerd") return;
    await lab.network.end(port);
  }
  await lab.network.awaitClientsAt(port, 0);
}

/** Returns the URI of a server that listens at a port. */
export function uriAt(port: number): string {
  return `mysql://app:secret@127.0.0.1:${port}/test`;
}
