/** The lab for tests in another process: each method of its parts makes a request. */

import type { LabAnswer, LabParts } from "../lab/lab.ts";

/** The methods of a part, called over HTTP. */
export type Remote<Part> = {
  readonly [Name in keyof Part as Part[Name] extends Method ? Name : never]: Part[Name] extends
    (...args: infer Args) => infer Result ? (...args: Args) => Promise<Awaited<Result>>
    : never;
};

/** The parts of a lab, called over HTTP. */
export type RemoteLab = { readonly [Name in keyof LabParts]: Remote<LabParts[Name]> };

type Method = (...args: never[]) => unknown;

/** Returns the lab that answers at a URL. */
export function labAt(url: string): RemoteLab {
  return {
    servers: partAt(`${url}/servers`),
    network: partAt(`${url}/network`),
    programs: partAt(`${url}/programs`),
  };
}

function partAt<Part>(url: string): Remote<Part> {
  const methodOf = (_: object, name: string | symbol): unknown => (...args: unknown[]) =>
    ask(`${url}/${String(name)}`, args);
  return new Proxy({}, { get: methodOf }) as Remote<Part>;
}

async function ask(url: string, args: unknown[]): Promise<unknown> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(args) });
  const { value, error } = await response.json() as LabAnswer;
  if (error === undefined) return value;
  throw new Error(`The lab could not do what ${url} asks for: ${error}`);
}
