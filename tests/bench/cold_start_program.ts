/** A process that has its first answer as soon as it can, and says after how many ms. */

import process from "node:process";

const [key = "", uri = "", sublet = ""] = process.argv.slice(2);
const began = performance.now();
await first();
process.stdout.write(`${performance.now() - began}`);
process.exit();

async function first(): Promise<unknown> {
  switch (key) {
    case "sublet": {
      const { createPool }: typeof import("../../mod.ts") = await import(sublet);
      return await createPool(uri).query("SELECT 1");
    }
    case "mysql2Promise": {
      const { createPool } = await import("mysql2/promise");
      return await createPool(uri).query("SELECT 1");
    }
    case "mariadb": {
      const { createPool } = await import("mariadb");
      return await createPool(uri.replace(/^mysql/, "mariadb")).query("SELECT 1");
    }
    case "bunSql": {
      const { bunClient } = await import("./peers/bun_client.ts");
      return await bunClient({ uri, limit: 1 }).select(1);
    }
    default:
      throw new RangeError(`Nobody has the name ${key}`);
  }
}
