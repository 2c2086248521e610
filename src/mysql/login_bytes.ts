/**
 * How much a server may say before it has let a client in. An honest one needs a few kilobytes;
 * what goes on and on would be kept in memory for as long as a connect may take.
 */

import type { Connection } from "mysql2";
import { internalsOf } from "./internals.ts";

/** Much more than any way to log in takes. */
const loginBytesMax = 1_000_000;

/** Calls `exceeded` when a server that has not let a client in yet says too much. */
export function limitLogin(driver: Connection, exceeded: (error: Error) => void): void {
  const internals = internalsOf(driver);
  let bytes = 0;
  const count = (chunk: Uint8Array): void => {
    bytes += chunk.length;
    if (bytes <= loginBytesMax) return;
    exceeded(new Error(`The server said more than ${loginBytesMax} bytes before it let anyone in`));
  };
  const { startTLS } = internals;
  internals.startTLS = (done) => {
    startTLS.call(internals, done);
    // The driver has put another stream in the place of the first.
    if (!internals.stream.listeners("data").includes(count)) internals.stream.on("data", count);
  };
  internals.stream.on("data", count);
  driver.once("connect", () => internals.stream.off("data", count));
}
