/** Runs tests of the suite in Deno; prints the port for requests. */

import { answer } from "./answer.ts";

/** The used part of Deno's API. */
interface DenoGlobal {
  readonly Deno: {
    serve(
      options: { hostname: string; port: number; onListen(at: { port: number }): void },
      handler: (request: Request) => Promise<Response>,
    ): void;
  };
}

const { Deno } = globalThis as unknown as DenoGlobal;

Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: ({ port }) => console.log(port) },
  async (request) => new Response(await answer("deno", await request.text())),
);
