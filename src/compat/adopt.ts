/**
 * Turns a connection of the driver into a pool connection: its holder can release it, its callbacks
 * are contained, and the pool notes the statements that set up its session.
 *
 * These changes are made once, when the connection is new, and stay. Each call looks up the present
 * holder.
 */

import mysql2, { type Connection, type PoolConnection } from "mysql2";
import { noteStreams } from "../mysql/commands.ts";
import { changeForAll } from "../mysql/loan.ts";
import { containCommand, contained, noteStatement, once } from "./callbacks.ts";
import { closedState } from "./errors.ts";
import { holdingHere, isLate, isLeaving, leave, lose } from "./checkout.ts";
import { type Command, type ConnectionConfig, internalsOf } from "./internals.ts";

/** The driver's own `destroy` of each adopted connection. */
const destroyers: WeakMap<PoolConnection, () => void> = new WeakMap();

/** How many commands each adopted connection was given. */
const counts: WeakMap<PoolConnection, number> = new WeakMap();

/**
 * Turns a connection into one of a pool with this config; returns the same object. A new connection
 * also gets `options`.
 */
export function adopt(
  connection: Connection,
  config: ConnectionConfig,
  options: object = {},
): PoolConnection {
  const adopted = connection as PoolConnection;
  if (!destroyers.has(adopted)) changeForAll(adopted, () => change(adopted, config, options));
  return adopted;
}

function change(adopted: PoolConnection, config: ConnectionConfig, options: object): void {
  Object.setPrototypeOf(adopted, mysql2.PoolConnection.prototype);
  const internals = internalsOf(adopted);
  const { trace, gracefulEnd } = config;
  Object.assign(internals.config, { ...options, trace, gracefulEnd });
  destroyers.set(adopted, internals.destroy.bind(adopted));
  noteStatements(adopted);
  containCommands(adopted);
  limitPauses(adopted);
  addEnds(adopted);
  internals.stream.once("close", () => lose(adopted));
}

/** Returns how many commands a connection was given since it was adopted. */
export function commandCount(connection: PoolConnection): number {
  return counts.get(connection) ?? 0;
}

/** Closes a connection at once, whichever holder has it. */
export function discard(connection: PoolConnection): void {
  destroyers.get(connection)?.();
}

function noteStatements(connection: PoolConnection): void {
  const internals = internalsOf(connection);
  const { query, execute } = internals;
  internals.query = (...args) => {
    noteStatement(connection, "query", args);
    return query.apply(connection, args);
  };
  internals.execute = (...args) => {
    noteStatement(connection, "execute", args);
    // If the connection is lost, the driver calls back twice: for the prepare and for the execute.
    const told = args.map((arg) => typeof arg === "function" ? once(arg as () => unknown) : arg);
    return execute.apply(connection, told);
  };
}

function containCommands(connection: PoolConnection): void {
  const internals = internalsOf(connection);
  const { addCommand } = internals;
  internals.addCommand = (command) => {
    counts.set(connection, commandCount(connection) + 1);
    containCommand(command);
    noteStreams(command);
    return addCommand.call(connection, command);
  };
  // The driver calls this in place of `addCommand` once the connection has ended.
  internals._addCommandClosedState = (command) => {
    containCommand(command);
    const error = closedState(internals);
    let isOver = false;
    command.prependOnceListener("end", () => isOver = true);
    queueMicrotask(() => isOver || refuse(connection, command, error));
    return command;
  };
}

function refuse(connection: PoolConnection, command: Command, error: Error): void {
  if (command.onResult !== undefined) return void command.onResult(error);
  const told = command.listenerCount("error") > 0 ? command : connection;
  told.emit("error", error);
  command.emit("end");
}

/** Ignores `pause` after the release, so that no slow reader of a stream keeps the connection. */
function limitPauses(connection: PoolConnection): void {
  const { pause } = connection;
  connection.pause = () => {
    if (!isLeaving(connection)) pause.call(connection);
  };
}

function addEnds(connection: PoolConnection): void {
  const internals = internalsOf(connection);
  const { end } = internals;
  internals.release = () => holdingHere(connection)?.release();
  internals.destroy = () => {
    if (isLate(connection)) return;
    const checkout = holdingHere(connection);
    discard(connection);
    checkout?.abandon();
  };
  internals.end = (...args) => {
    const checkout = holdingHere(connection);
    const callback = args.find((arg) => typeof arg === "function");
    if (checkout !== undefined && internals.config.gracefulEnd) {
      const farewell = end.call(connection, callback);
      leave(connection, () => checkout.abandon());
      return farewell;
    }
    checkout?.release();
    if (callback !== undefined) queueMicrotask(contained(callback as () => void));
    return undefined;
  };
}
