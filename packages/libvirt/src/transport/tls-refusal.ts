import { DroverError } from "@drover/model";

/** Codes of Node and OpenSSL for a server's certificate that we do not accept, each with what helps. */
const REFUSALS: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID:
    "its certificate (servercert.pem) is for other names; dial it by one of them, or make a certificate that has this one " +
    "in its subjectAltName",
  CERT_HAS_EXPIRED: "its certificate (servercert.pem), or that of its authority, has expired; make a new one",
  CERT_NOT_YET_VALID: "its certificate (servercert.pem) is not valid yet; look at the clocks of both hosts",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "",
  DEPTH_ZERO_SELF_SIGNED_CERT: "",
  SELF_SIGNED_CERT_IN_CHAIN: "",
  CERT_SIGNATURE_FAILURE: "",
};

const OTHER_AUTHORITY =
  "its certificate (servercert.pem) is signed by an authority that is not in our cacert.pem; add that authority, or make " +
  "both certificates with one";

/** The refusal of a libvirtd whose certificate is not accepted, with the remedy; undefined for any other failure. */
export function refusalOf(error: unknown, address: string): DroverError | undefined {
  const code = String((error as NodeJS.ErrnoException | undefined)?.code);
  const remedy = REFUSALS[code];
  if (remedy === undefined) return undefined;
  const why = remedy === "" ? OTHER_AUTHORITY : remedy;
  return new DroverError("refused", `libvirtd at ${address} is not trusted: ${why}`, {
    cause: error,
    details: { address, tlsCode: code },
  });
}
