/**
 * Checks whether the installed mysql2 is one that this package supports. A version that nobody has
 * tried may lack what the package uses beyond the documentation; then the first connect fails,
 * rather than some statement later.
 */

import { isOwnExecute, isTraced } from "./prepared.ts";
import { driverClassOf, type DriverInternals } from "./mysql2_internals.ts";

/** The versions of mysql2 that this package is tested with. */
export const supportedRange = "^3.24.2";

/** The kind of value that a name leads to; "nullable" is anything except undefined. */
type Kind = "array" | "boolean" | "function" | "nullable" | "number" | "object" | "string";

/**
 * The names that an object must have, by their kinds; a name may be a path through other objects.
 */
type Shape = Readonly<Partial<Record<Kind, string>>>;

const connectionShape: Shape = {
  function: "query execute prepare unprepare changeUser reset ping addCommand end destroy close " +
    "startTLS resume handlePacket _handleFatalError _notifyError _addCommandClosedState " +
    "constructor.statementKey constructor.createQuery once rawListeners eventNames " +
    "_commands.get _commands.shift _commands.unshift _paused_packets.push " +
    "_statements.get _statements.values _statements.entries _statements.clear",
  object: "config stream",
  array: "packetParser.largePacketParts",
  number: "sequenceId compressedSequenceId _commands.length _statements.size config.charsetNumber",
  boolean: "authorized _isMariaDB _paused",
  nullable: "_command _fatalError _protocolError _handshakePacket",
};

const statementShape: Shape = {
  function: "start resultsetHeader row stream onResult emit",
  array: "_rows",
  nullable: "next queryTimeout _currentRows",
};

const commandShapes: Readonly<Record<string, Shape>> = {
  query: { ...statementShape, object: "_queryOptions", string: "sql" },
  execute: { ...statementShape, object: "_executeOptions" },
  prepare: { function: "start prepareHeader onResult", string: "query" },
  ping: { function: "start pingResponse" },
  reset: { function: "start resetConnectionResponse" },
  changeUser: { function: "start handshakeResult" },
};

let isChecked = false;

/**
 * Returns what a new connection of the driver lacks; checks no more once a connection lacks
 * nothing.
 */
export function lacksOf(driver: DriverInternals): readonly string[] {
  if (isChecked) return [];
  const ofConnection = missing(driver, connectionShape);
  if (ofConnection.length > 0) return ofConnection;
  const lacks = Object.entries(commandsOf(driver)).flatMap(([name, command]) => {
    return missing(command, commandShapes[name]!).map((lack) => `${lack} of ${name}`);
  });
  isChecked = lacks.length === 0;
  return lacks;
}

/** Returns the error that says what the driver lacks; the pool knows the error by its code. */
export async function unsupported(lacks: readonly string[]): Promise<Error> {
  const { default: { version } } = await import("mysql2/package.json", { with: { type: "json" } });
  const message = `mysql2 ${version} is not supported, as it lacks ${lacks.join(", ")}: install ` +
    `mysql2 ${supportedRange}, or a version of this package that is made for mysql2 ${version}`;
  return Object.assign(new Error(message), { code: "DRIVER_UNSUPPORTED" });
}

function missing(object: unknown, shape: Shape): string[] {
  return Object.entries(shape).flatMap(([kind, names]) => {
    return names.split(" ").filter((name) => {
      const found = kindOf(object, name);
      return kind === "nullable" ? found === undefined : found !== kind;
    });
  });
}

/** Returns the kind of the value that a path leads to; undefined if it leads to nothing. */
function kindOf(object: unknown, path: string): string | undefined {
  let value = object;
  for (const name of path.split(".")) value = Object(value)[name];
  if (value === undefined) return undefined;
  return value === null ? "nullable" : Array.isArray(value) ? "array" : typeof value;
}

/** Returns one command of each kind; sends none of them. */
function commandsOf(driver: DriverInternals): Record<string, unknown> {
  const prototype: DriverInternals = Object.getPrototypeOf(driver);
  const given: unknown[] = [];
  // The driver's own methods make them, called on an object that keeps the commands it gets.
  const maker: DriverInternals = Object.create(prototype, {
    config: { value: driver.config },
    addCommand: { value: (command: unknown) => given.push(command) },
  });
  const made: Record<string, unknown> = {
    query: driverClassOf(driver).createQuery("SELECT 1", [], ignore, driver.config),
  };
  for (
    const [name, make] of Object.entries({
      prepare: () => maker.prepare("SELECT 1", ignore),
      ping: () => maker.ping(ignore),
      reset: () => maker.reset(ignore),
      changeUser: () => maker.changeUser({}, ignore),
    })
  ) {
    make();
    made[name] = given.pop();
  }
  // Tracers would take the command for a statement that runs.
  if (isOwnExecute(prototype.execute) && !isTraced()) {
    made["execute"] = maker.execute("SELECT 1", [], ignore);
  }
  return made;
}

function ignore(): void {}
