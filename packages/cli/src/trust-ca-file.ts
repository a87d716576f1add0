import { readFileSync } from "node:fs";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { CliError, EXIT } from "./exit-code.ts";

/** Lets this process trust the authorities in a PEM file beside those that it trusts anyway. */
export function trustCaFile(path: string | undefined): void {
  if (path === undefined) return;
  try {
    setDefaultCACertificates([...getCACertificates("default"), readFileSync(path, "utf8")]);
  } catch (cause) {
    throw new CliError(EXIT.usage, `--cacert, DROVER_CACERT or the context: ${path} is no PEM file of certificates`, {
      cause,
    });
  }
}
