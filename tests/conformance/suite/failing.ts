/** What tests look at when a connection cannot be opened. */

import type { Pool } from "../../../mod.ts";
import type { Runtime } from "../../../src/port.ts";
import { refused, threadOf } from "../../support/asking.ts";
import type { World } from "./world.ts";

/** What an error below one of the pool says of itself, under the names that Node has given. */
export interface Cause extends Error {
  /** What kind it is. */
  readonly code?: string;
  /** The server's number for it. */
  readonly errno?: number;
}

/** Expects that a pool cannot open a connection, and returns why. */
export async function causeOf(db: Pool): Promise<Cause> {
  const { cause } = await refused(threadOf(db), "CONNECT_FAILED");
  if (!(cause instanceof Error)) throw new Error(`The cause is no error: ${cause}`);
  return cause;
}

/**
 * Returns the code of a host that cannot be reached; Workers do not say why, so there it is
 * always the same.
 */
export function unreachable({ runtime }: World, code: string): string {
  return runtime === "workerd" ? "EHOSTUNREACH" : code;
}

/** What is under way when a connection is given up. */
export type Stage = "connect" | "handshake" | "session";

/** What the sockets of a runtime do not call off by themselves. */
const stubborn: Readonly<Partial<Record<Runtime, readonly Stage[]>>> = {
  bun: ["connect"],
  deno: ["handshake"],
  workerd: ["connect", "handshake"],
};

/**
 * Waits until nobody has a connection to a port any more, after what was under way there was
 * given up. What a runtime does not call off is ended by the other side first; or, by Workers,
 * with the request, so that there it is the lab that looks, after the test.
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

/** Returns where a server would be that listens at a port. */
export function uriAt(port: number): string {
  return `mysql://app:secret@127.0.0.1:${port}/test`;
}
