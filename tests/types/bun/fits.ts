/** That the sockets of Bun are what the adapter takes them for, by Bun's own types. */

import type * as declared from "../../../src/adapters/runtimes.ts";
import type { Knows } from "../unknown.ts";

/** Bun's own. */
export const bun: declared.Bun = Bun;
/** The names of options. */
export const options: Knows<declared.BunUpgrade["tls"], Bun.TLSOptions> = true;
/** The names of handlers. */
export const handlers: Knows<declared.BunHandlers, Bun.SocketHandler> = true;
