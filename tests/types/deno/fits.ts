/** That the sockets of Deno are what the adapter takes them for, by Deno's own types. */

import type * as declared from "../../../src/adapters/runtimes.ts";
import type { Knows } from "../unknown.ts";

/** Deno's own. */
export const deno: declared.Deno = Deno;
/** The names of options of a connect. */
export const connectOptions: Knows<declared.DenoTcpOptions, Deno.ConnectOptions> = true;
/** The names of options of TLS. */
export const tlsOptions: Knows<declared.DenoTlsOptions, Deno.StartTlsOptions> = true;
