import { expect, test } from "vitest";
import { refusalOf } from "./tls-refusal.ts";

test.each([
  ["ERR_TLS_CERT_ALTNAME_INVALID", /h2:16514 is not trusted: its certificate \(servercert.pem\) is for other names/],
  ["CERT_HAS_EXPIRED", /has expired; make a new one/],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", /not in our cacert.pem/],
  ["SELF_SIGNED_CERT_IN_CHAIN", /not in our cacert.pem/],
])("%s names the certificate and what helps", (code, message) => {
  const refusal = refusalOf(Object.assign(new Error("no"), { code }), "h2:16514");
  expect(refusal).toMatchObject({ code: "refused", message: expect.stringMatching(message) });
});

test.each(["ECONNREFUSED", "ECONNRESET", undefined])("%s has nothing to do with certificates", (code) => {
  expect(refusalOf(Object.assign(new Error("no"), { code }), "h2:16514")).toBeUndefined();
});
