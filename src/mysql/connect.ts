/**
 * Opens sessions. One timeout covers all steps: getting the password, connecting, logging in and
 * beginning the session, and a second attempt in plain text if TLS is unavailable and optional. If
 * a step fails, the socket has closed by the time the promise rejects, and the first error is the
 * reason.
 */

import mysql2, { type Connection } from "mysql2";
import type { Loss } from "../port/session.ts";
import type { Adapter, SocketStream } from "../port/socket.ts";
import { Canceller } from "./canceller.ts";
import { type Credentials, credentialsOf, driverOptionsOf } from "./driver_options.ts";
import { refusingKeys } from "./login.ts";
import type { Memory } from "./beginning.ts";
import { internalsOf } from "./mysql2_internals.ts";
import { lacksOf, unsupported } from "./mysql2_shape.ts";
import { Refusals } from "./refusals.ts";
import { isTlsMissing, secure, tlsAdvised } from "./tls_upgrade.ts";
import { MysqlSession } from "./session.ts";
import { StoredObjectsOfTargets } from "./stored_objects.ts";
import type { Target } from "./target.ts";
import { isLocal } from "./tls.ts";

/** Opens a session; see {@linkcode Connector.connect}. */
export type Connect = (
  target: Target,
  lost: (loss: Loss) => void,
  signal: AbortSignal,
) => Promise<MysqlSession>;

/** Returns a function that opens sessions over the sockets of a runtime. */
export function connectOver(adapter: Adapter): Connect {
  // On Workers, a request cannot wait for I/O that another request began.
  const isShared = adapter.runtime !== "workerd";
  const objects = new StoredObjectsOfTargets(isShared);
  const memory: Memory = { refusals: new Refusals(), objects };
  const open = (target: Target, signal: AbortSignal): Promise<MysqlSession> => {
    return connect(adapter, memory, undefined, target, () => undefined, signal);
  };
  const canceller = isShared ? new Canceller(open) : undefined;
  return (target, lost, signal) => connect(adapter, memory, canceller, target, lost, signal);
}

async function connect(
  adapter: Adapter,
  memory: Memory,
  canceller: Canceller | undefined,
  target: Target,
  lost: (loss: Loss) => void,
  signal: AbortSignal,
): Promise<MysqlSession> {
  signal.throwIfAborted();
  const stopped = Promise.withResolvers<never>();
  const abort = (): void => stopped.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  const msMax = target.connectTimeoutMs;
  const timer = msMax > 0 ? setTimeout(() => stopped.reject(late(msMax)), msMax) : undefined;
  // If the signal aborts late, this promise rejects when nothing awaits it any more.
  stopped.promise.catch(() => undefined);
  try {
    const credentials = await Promise.race([credentialsOf(target), stopped.promise]);
    const attempt = (isSecured: boolean): Promise<MysqlSession> => {
      const [driver, socket] = dial(adapter, target, credentials, isSecured);
      const lacks = lacksOf(internalsOf(driver));
      if (lacks.length > 0) return leave(driver, socket, lacks);
      secure(driver, socket, adapter, target);
      const shaken = handshake(driver);
      const session = new MysqlSession(driver, socket, target, memory, canceller);
      return begin(session, shaken, lost, stopped.promise);
    };
    return await attempt(target.tls !== undefined).catch((error: unknown) => {
      if (!isTlsMissing(error)) throw error;
      if (target.tls?.isOptional === true) return attempt(false);
      throw tlsAdvised(error, target);
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

async function begin(
  session: MysqlSession,
  shaken: Promise<void>,
  lost: (loss: Loss) => void,
  stopped: Promise<never>,
): Promise<MysqlSession> {
  try {
    await Promise.race([shaken, stopped]);
    await Promise.race([session.begin(lost), stopped]);
    return session;
  } catch (error) {
    const rootCause = session.rootCause(error);
    session.destroy(new Error("The connect has failed", { cause: error }));
    await session.closed;
    throw rootCause;
  }
}

/**
 * Closes a connection that cannot be used, because the driver lacks something; rejects with the
 * reason.
 */
async function leave(
  driver: Connection,
  socket: SocketStream,
  lacks: readonly string[],
): Promise<never> {
  // Without a listener, the driver's error about its closed socket would end the process.
  driver.on("error", () => undefined);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.destroy();
  const [reason] = await Promise.all([unsupported(lacks), closed]);
  throw reason;
}

/** Returns a timeout error like the driver's own, whose timeout covers only some of the steps. */
function late(msMax: number): Error {
  const error = new Error(`connect ETIMEDOUT: the connection was not ready within ${msMax} ms`);
  return Object.assign(error, { code: "ETIMEDOUT", errorno: "ETIMEDOUT", syscall: "connect" });
}

function dial(
  adapter: Adapter,
  target: Target,
  credentials: Credentials,
  isSecured: boolean,
): [Connection, SocketStream] {
  let socket: SocketStream | undefined;
  const { options } = target;
  const { ssl, ...others } = driverOptionsOf(target);
  const isAnyKeyTaken = isSecured || (options.allowPublicKeyRetrieval ?? isLocal(options));
  const stream = (): SocketStream => socket = adapter.dial(target.address);
  const { password, password2, password3, passwordSha1 } = credentials;
  const driver = mysql2.createConnection({
    ...others,
    ...(isSecured && ssl !== undefined ? { ssl } : {}),
    ...(isAnyKeyTaken ? {} : { authPlugins: refusingKeys(options.authPlugins) }),
    // Workers do not run code that is made from strings.
    ...(adapter.runtime === "workerd" ? { disableEval: true } : {}),
    ...(password === undefined ? {} : { password }),
    ...(password2 === undefined ? {} : { password2 }),
    ...(password3 === undefined ? {} : { password3 }),
    ...(passwordSha1 === undefined ? {} : { passwordSha1 }),
    stream,
  });
  if (socket === undefined) throw new Error("The driver did not ask for a stream");
  return [driver, socket];
}

/** Returns a promise that settles with the first "connect" or "error" event. */
function handshake(driver: Connection): Promise<void> {
  return new Promise((resolve, reject) => {
    driver.once("connect", () => resolve());
    driver.once("error", reject);
  });
}
