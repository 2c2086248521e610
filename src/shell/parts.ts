/** What the parts of one pool share, or of one unit where connections live no longer than that. */

import type { Admission } from "./admission.ts";
import type { Handles } from "./handles.ts";
import type { Home } from "./home.ts";
import type { Interpreter } from "./interpreter.ts";
import type { Leaks } from "./leaks.ts";
import type { Targets } from "./targets.ts";
import type { Host, UnitFrames } from "./unit.ts";

/** What the parts of one pool share, and its handles with them. */
export interface CommonParts<Target, Driver> {
  /** Runs the core. */
  readonly interpreter: Interpreter<Target, Driver>;
  /** The targets in use. */
  readonly targets: Targets<Target>;
  /** Which unit of work, and which transaction in it, code belongs to. */
  readonly frames: UnitFrames<Target, Driver>;
  /** The virtual connections, by their numbers. */
  readonly homes: readonly Home<Target>[];
  /** Who may still begin work. */
  readonly admission: Admission;
  /** Who has held a lease for too long. */
  readonly leaks: Leaks<Driver>;
  /** Returns a copy of a target with other options. */
  readonly retargetOf: (home: Target, overlay: object) => Target;
  /** Tells whether an error says that the connection was lost. */
  readonly isLoss: (error: unknown) => boolean;
  /** What is told of the unit whose connections these are, if they live no longer than it. */
  readonly realm: Realm | undefined;
}

/** What work that was begun through one handle of a pool has to do with. */
export interface Parts<Target, Driver> extends CommonParts<Target, Driver> {
  /** Makes what code runs statements by, whatever its context. */
  readonly handles: Handles<Target, Driver>;
}

/** Connections that live as long as one unit. */
export interface Realm {
  /** Called when the unit begins. */
  begin(): void;
  /** Called when the unit has ended. */
  end(host: Host | undefined): Ending;
}

/** How connections end with their unit. */
export interface Ending {
  /** Fulfilled when all have closed. */
  readonly closed: Promise<void>;
  /** Whether the host waits for that, so that nobody else has to. */
  readonly isAwaited: boolean;
}
