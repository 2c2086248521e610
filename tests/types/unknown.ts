/**
 * Options are objects that may have more than is asked for, so a name that a runtime does not
 * know would fit as well; that is looked for apart.
 */

/** True if the second type knows every name of the first, else the names that it does not. */
export type Knows<Declared, Real> = [Exclude<keyof Declared, keyof Real>] extends [never] ? true
  : Exclude<keyof Declared, keyof Real>;
