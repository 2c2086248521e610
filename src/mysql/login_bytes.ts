/**
 * How much a server may say before it has let a client in. An honest one needs a few kilobytes;
 * what goes on and on would be kept in memory for as long as a connect may take.
 */

/** Much more than any way to log in takes. */
const loginBytesMax = 1_000_000;

/** Returns what counts bytes, and calls `exceeded` when there are too many. */
export function loginCounter(exceeded: (error: Error) => void): (chunk: Uint8Array) => void {
  let bytes = 0;
  return (chunk) => {
    bytes += chunk.length;
    if (bytes <= loginBytesMax) return;
    exceeded(new Error(`The server said more than ${loginBytesMax} bytes before it let anyone in`));
  };
}
