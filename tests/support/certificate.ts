/**
 * Makes the certificates of a throwaway server: an authority and a server certificate signed by
 * the authority, as some clients reject a self-signed certificate that is both.
 */

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The paths of a server's certificates. */
export interface Certificates {
  /** The authority's certificate, which a client has to trust. */
  readonly ca: string;
  /** The server's certificate, for localhost, 127.0.0.1 and 0.0.0.0. */
  readonly cert: string;
  /** The server's private key. */
  readonly key: string;
}

/** Makes certificates in a folder, by openssl. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const path = (name: string): string => join(folder, name);
  const request = ["req", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  const authority = ["-x509", "-days", "2", "-subj", "/CN=Throwaway authority"];
  await run("openssl", [
    ...request,
    ...authority,
    ...["-keyout", path("ca.key"), "-out", path("ca.pem")],
  ]);
  await run("openssl", [
    ...request,
    ...["-subj", "/CN=localhost", "-keyout", path("server.key"), "-out", path("server.csr")],
  ]);
  const names = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:0.0.0.0\nbasicConstraints=CA:FALSE\n";
  await writeFile(path("server.ext"), names);
  await run("openssl", [
    ...["x509", "-req", "-days", "2", "-in", path("server.csr"), "-extfile", path("server.ext")],
    ...["-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial"],
    ...["-out", path("server.pem")],
  ]);
  return { ca: path("ca.pem"), cert: path("server.pem"), key: path("server.key") };
}
