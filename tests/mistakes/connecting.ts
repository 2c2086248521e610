/** Mistakes in options, and in the address of the server. */

import mysql2 from "mysql2/promise";
import { createPool } from "../../mod.ts";
import type { Mistake } from "./mistake.ts";

/** Returns the URI of a server with a part of it replaced. */
function changed(url: string, change: (uri: URL) => void): string {
  const uri = new URL(url);
  change(uri);
  return uri.href;
}

async function ownQuery(uri: string): Promise<void> {
  await using db = createPool({ uri, shared: false, connectTimeout: 1_000 });
  await db.query("SELECT 1");
}

async function theirQuery(uri: string): Promise<void> {
  const pool = mysql2.createPool(uri);
  try {
    await pool.query("SELECT 1");
  } finally {
    await pool.end();
  }
}

/** Returns a mistake in the URI. */
function inUri(title: string, change: (uri: URL) => void, named: RegExp): Mistake {
  return {
    title,
    async own({ server }) {
      await ownQuery(changed(server.url(), change));
    },
    async theirs({ server }) {
      await theirQuery(changed(server.url(), change));
    },
    named,
  };
}

/** Returns a mistake in an option of the pool. */
function inOption(title: string, option: object, named: RegExp): Mistake {
  return {
    title,
    own: ({ server }) => createPool({ uri: server.url(), shared: false, ...option }),
    theirs: ({ server }) => mysql2.createPool({ uri: server.url(), ...option }),
    named,
  };
}

/** The mistakes. */
export const connecting: readonly Mistake[] = [
  {
    title: "the variable with the URI is not set",
    own: () => createPool(process.env["NOT_SET_URL"] as string),
    theirs: () => theirQuery(process.env["NOT_SET_URL"] as string),
    named: /undefined.*environment variable/,
  },
  inUri(
    "the password is wrong",
    (uri) => uri.password = "wrong",
    /Cannot connect to .* as "app": Access denied/,
  ),
  inUri(
    "the port is wrong",
    (uri) => uri.port = "1",
    /Cannot connect to .*:1 as "app": connect ECONNREFUSED/,
  ),
  inUri(
    "the host does not exist",
    (uri) => uri.hostname = "db.invalid",
    /Cannot connect to db\.invalid:\d+ as "app": getaddrinfo/,
  ),
  inUri("the database does not exist", (uri) => uri.pathname = "/shpo", /Unknown database 'shpo'/),
  {
    title: "the password in the URI is not encoded",
    own: ({ server }) => ownQuery(server.url().replace("secret", "50%off")),
    theirs: ({ server }) => theirQuery(server.url().replace("secret", "50%off")),
    named: /encodeURIComponent/,
  },
  inOption("an option is misspelt", { connectionLimt: 5 }, /did you mean "connectionLimit"/),
  inOption("an option is another library's", { max: 5 }, /connectionLimit/),
  inOption(
    "a number is given as text",
    { connectionLimit: "10" },
    /connectionLimit.*whole number.*a string/,
  ),
  {
    title: "the name of a virtual connection is misspelt",
    own({ server }) {
      const db = createPool({ uri: server.url(), connections: { shop: {} }, shared: false });
      return db.connection("shpo" as "shop");
    },
    theirs({ server }) {
      const cluster = mysql2.createPoolCluster();
      cluster.add("shop", { uri: server.url() });
      return cluster.of("shpo").query("SELECT 1");
    },
    named: /did you mean "shop"/,
  },
];
