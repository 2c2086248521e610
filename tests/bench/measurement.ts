/**
 * What every measurement takes and what it gives: tables and plots for people, figures for
 * programs.
 */

import type { Server } from "../support/server.ts";
import type { Figures } from "./figures.ts";
import type { Spread } from "./stats.ts";

/** The runtimes that are measured. */
export type BenchRuntime = "node" | "deno" | "bun";

/** What measurements are done with. */
export interface Bench {
  /** Where this is. */
  readonly runtime: BenchRuntime;
  /** Whether little time is to be spent. */
  readonly isQuick: boolean;
  /** A server for all, which nobody may stop. */
  readonly server: Server;
  /** The core that servers are pinned to; undefined if they share all cores with this process. */
  readonly serverCore: number | undefined;
}

/** Something that is measured. */
export interface Measurement {
  /** What it is asked for by. */
  readonly name: string;
  /** Measures it. */
  readonly measure: (bench: Bench) => Promise<Finding>;
}

/** What was found. */
export interface Finding {
  /** For people. */
  readonly sections: readonly Section[];
  /** For programs. */
  readonly figures: Figures;
}

/** A table, and what it is a table of. */
export interface Section {
  /** What was measured. */
  readonly title: string;
  /** What is compared with what, and how. */
  readonly prose: string;
  /** The names of the columns. */
  readonly head: readonly string[];
  /** The cells. */
  readonly rows: readonly (readonly string[])[];
  /** The same as pictures. */
  readonly plots: readonly Plot[];
}

/** A picture. */
export type Plot = BarPlot | LinePlot;

/** Bars that lie, in groups, each of which has parts that lie one behind the other. */
export interface BarPlot {
  readonly kind: "bars";
  /** The name of its file. */
  readonly name: string;
  readonly title: string;
  /** What lengths mean. */
  readonly unit: string;
  /** What the colours mean, if bars have several parts. */
  readonly parts?: readonly string[];
  readonly groups: readonly BarGroup[];
}

/** Bars that are compared with one another. */
export interface BarGroup {
  readonly label: string;
  readonly bars: readonly Bar[];
}

/** One bar. */
export interface Bar {
  readonly label: string;
  /** How long each of its parts is. */
  readonly lengths: readonly number[];
  /** Between what half of all rounds lay. */
  readonly spread?: Spread;
  /** Whether it is this pool's. */
  readonly isOurs: boolean;
}

/** Lines over a logarithmic scale. */
export interface LinePlot {
  readonly kind: "lines";
  /** The name of its file. */
  readonly name: string;
  readonly title: string;
  /** What is on the scale below. */
  readonly across: string;
  /** What is on the scale at the left. */
  readonly up: string;
  readonly lines: readonly Line[];
}

/** One line. */
export interface Line {
  readonly label: string;
  readonly points: readonly (readonly [across: number, up: number])[];
}
