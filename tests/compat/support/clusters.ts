/** Clusters of two nodes, A1 and A2, at real servers. */

import type { PoolCluster } from "mysql2";
import mysql, { type ClusterOptions } from "../../../src/entries/compat.ts";
import type { Server } from "../../support/server.ts";
import { asked } from "./fixture.ts";

/** Creates a cluster of two nodes, and records its events. */
export function clusterAt(
  [server, other]: readonly [Server, Server],
  options: ClusterOptions = {},
): { cluster: PoolCluster; news: string[] } {
  const cluster = mysql.createPoolCluster(options);
  cluster.add("A1", server.url());
  cluster.add("A2", { uri: other.url(), connectionLimit: 2 });
  return { cluster, news: newsOf(cluster) };
}

/** Records the events of a cluster. */
export function newsOf(cluster: PoolCluster): string[] {
  const news: string[] = [];
  for (const event of ["online", "offline", "remove"]) {
    cluster.on(event, (id: string) => news.push(`${event} ${id}`));
  }
  cluster.on("warn", ({ code }: Error & { code: string }) => news.push(`warn ${code}`));
  return news;
}

/** Sends a query to a cluster; returns "A1" if the first server answers, else "A2". */
export async function answeringAt(
  first: Server,
  from: Pick<PoolCluster, "of">,
  pattern = "*",
  selector?: string,
): Promise<string> {
  const [{ port }] = await asked<[{ port: number }]>((done) => {
    from.of(pattern, selector).query("SELECT @@port AS port", done);
  });
  return port === first.port ? "A1" : "A2";
}

/** Ends a cluster. */
export function endOf(cluster: PoolCluster): Promise<unknown> {
  return asked((done) => cluster.end(done));
}
