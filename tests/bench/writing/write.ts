/** Writes the results as a Markdown page, with a picture beside it for each plot. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../support/source.ts";
import type { BenchRuntime, Plot, Section } from "../measurement.ts";
import { drawBars } from "./bars.ts";
import { drawLines } from "./lines.ts";

/** The default folder of reports, which git ignores. */
export const defaultFolder: string = join(root, "node_modules", ".cache", "sublet", "bench");

/** Writes a report; returns its path. */
export function writeReport(
  folder: string,
  runtime: BenchRuntime,
  setup: readonly string[],
  sections: readonly Section[],
): string {
  mkdirSync(folder, { recursive: true });
  const blocks = [`# Benchmark, on ${runtime}`, setup.map((line) => `- ${line}`).join("\n")];
  for (const section of sections) {
    blocks.push(`## ${section.title}`, section.prose);
    for (const plot of section.plots) {
      const name = `${runtime}-${plot.name}.svg`;
      writeFileSync(join(folder, name), draw(plot));
      blocks.push(`![${plot.title}](${name})`);
    }
    if (section.rows.length > 0) blocks.push(markdownOf(section));
  }
  const path = join(folder, `${runtime}.md`);
  writeFileSync(path, `${blocks.join("\n\n")}\n`);
  return path;
}

function draw(plot: Plot): string {
  return plot.kind === "bars" ? drawBars(plot) : drawLines(plot);
}

function markdownOf({ head, rows }: Section): string {
  const rule = head.map(() => "---");
  return [head, rule, ...rows].map((cells) => `| ${cells.map(escaped).join(" | ")} |`).join("\n");
}

function escaped(cell: string): string {
  return cell.replaceAll("|", "\\|");
}
