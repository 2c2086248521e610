/** Starts a server of each flavor once per test file, and declares tests that run on both. */

import { after, test } from "node:test";
import { type Server, startServer } from "./server.ts";
import { type Flavor, lackOf } from "./server_binary.ts";

/** Returns the server of a flavor; starts it at the first call. */
export type ServerOf = (flavor: Flavor) => Promise<Server>;

/** Declares a test that runs on both flavors of server. */
export type TestOnBoth = (
  name: string,
  fn: (server: Server, flavor: Flavor) => Promise<void>,
) => void;

/** Returns a function that starts each server once; `prepare` runs on a server after its start. */
export function serversOf(
  options: readonly string[],
  prepare: (server: Server, flavor: Flavor) => Promise<void> = () => Promise.resolve(),
): ServerOf {
  const starting = new Map<Flavor, Promise<Server>>();
  const started: Server[] = [];
  const start = async (flavor: Flavor): Promise<Server> => {
    const server = await startServer({ flavor, options });
    started.push(server);
    await prepare(server, flavor);
    return server;
  };
  after(async () => {
    for (const server of started) await server.remove();
  });
  return (flavor) => {
    const server = starting.get(flavor) ?? start(flavor);
    starting.set(flavor, server);
    return server;
  };
}

/** Returns a function that declares tests; `tidy` runs on the server after each test. */
export function onBoth(
  serverOf: ServerOf,
  tidy: (server: Server) => Promise<unknown> = () => Promise.resolve(),
): TestOnBoth {
  return (name, fn) => {
    for (const flavor of ["mariadb", "mysql"] as const) {
      test(`${flavor}: ${name}`, { skip: lackOf(flavor) ?? false }, async () => {
        const server = await serverOf(flavor);
        try {
          await fn(server, flavor);
        } finally {
          await tidy(server);
        }
      });
    }
  };
}
