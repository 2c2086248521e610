/** Servers of both makes, each of which is started once for a file, and tests that hold on both. */

import { after, test } from "node:test";
import { type Server, startServer } from "./server.ts";
import { type Flavor, lackOf } from "./server_binary.ts";

/** Starts servers. */
export type ServerOf = (flavor: Flavor) => Promise<Server>;

/** Declares a test that holds on both makes of server. */
export type TestOnBoth = (
  name: string,
  fn: (server: Server, flavor: Flavor) => Promise<void>,
) => void;

/** Returns what starts a server of a make, once; `prepare` is run on each before its first test. */
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

/** Returns what declares tests; `tidy` is run on a server after each of them. */
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
