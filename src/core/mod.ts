/** The pure core: `step`, `deadline` and the types they use. @module */

export type * from "./state.ts";
export type * from "./messages.ts";
export { createState } from "./state.ts";
export { type ConnectionCounts, countsOf } from "./stats.ts";
export { deadline, type Step, step } from "./step.ts";
export type { Node, Table } from "./table.ts";
