/** That the sockets of Workers are what the adapter takes them for, by Cloudflare's own types. */

import * as sockets from "cloudflare:sockets";
import type * as declared from "../../../src/adapters/runtimes.ts";
import type { Knows } from "../unknown.ts";

type ConnectOptions = Parameters<declared.WorkerSockets["connect"]>[1];
type UpgradeOptions = NonNullable<Parameters<declared.WorkerSocket["startTls"]>[0]>;

/** Cloudflare's own. */
export const workers: declared.WorkerSockets = sockets;
/** The names of options of a connect. */
export const connectOptions: Knows<ConnectOptions, SocketOptions> = true;
/** The names of options of TLS. */
export const tlsOptions: Knows<UpgradeOptions, TlsOptions> = true;
