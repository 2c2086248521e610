/**
 * The input and the result of every measurement: tables and plots for people, figures for
 * programs.
 */

import type { Server } from "../support/server.ts";
import type { Figures } from "./figures.ts";
import type { Spread } from "./stats.ts";

/** The runtimes that are measured. */
export type BenchRuntime = "node" | "deno" | "bun";

/** The input of a measurement. */
export interface Bench {
  /** The runtime of this process. */
  readonly runtime: BenchRuntime;
  /** Whether to spend little time. */
  readonly isQuick: boolean;
  /** The server of all measurements; no measurement may stop it. */
  readonly server: Server;
  /** The core that servers are pinned to; undefined if they share all cores with this process. */
  readonly serverCore: number | undefined;
}

/** A measurement. */
export interface Measurement {
  /** Its name in `--only`. */
  readonly name: string;
  /** Runs the measurement. */
  readonly measure: (bench: Bench) => Promise<Finding>;
}

/** The result of a measurement. */
export interface Finding {
  /** For people. */
  readonly sections: readonly Section[];
  /** For programs. */
  readonly figures: Figures;
}

/** A table with a title and an explanation. */
export interface Section {
  /** The measured quantity. */
  readonly title: string;
  /** What the table compares, and how. */
  readonly prose: string;
  /** The names of the columns. */
  readonly head: readonly string[];
  /** The cells. */
  readonly rows: readonly (readonly string[])[];
  /** The plots of the same figures. */
  readonly plots: readonly Plot[];
}

/** A plot. */
export type Plot = BarPlot | LinePlot;

/** Horizontal bars in groups; each bar consists of parts. */
export interface BarPlot {
  readonly kind: "bars";
  /** The name of its file. */
  readonly name: string;
  readonly title: string;
  /** The unit of lengths. */
  readonly unit: string;
  /** The names of the parts, in the order of the colours, if bars have several. */
  readonly parts?: readonly string[];
  readonly groups: readonly BarGroup[];
}

/** Bars to compare with each other. */
export interface BarGroup {
  readonly label: string;
  readonly bars: readonly Bar[];
}

/** One bar. */
export interface Bar {
  readonly label: string;
  /** The length of each part. */
  readonly lengths: readonly number[];
  /** The quartiles of all rounds. */
  readonly spread?: Spread;
  /** Whether the bar is this pool's. */
  readonly isOurs: boolean;
}

/** Lines over a logarithmic scale. */
export interface LinePlot {
  readonly kind: "lines";
  /** The name of its file. */
  readonly name: string;
  readonly title: string;
  /** The title of the horizontal scale. */
  readonly across: string;
  /** The title of the vertical scale. */
  readonly up: string;
  readonly lines: readonly Line[];
}

/** One line. */
export interface Line {
  readonly label: string;
  readonly points: readonly (readonly [across: number, up: number])[];
}
