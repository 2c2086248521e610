/** The pure core: `step`, `deadline` and the types they speak. @module */

export * from "./state.ts";
export * from "./event.ts";
export * from "./command.ts";
export { type Census, census } from "./census.ts";
export { deadline, type Step, step } from "./step.ts";
export type { Node, Table } from "./table.ts";
