import { expect, test } from "vitest";
import { tlsAdvice } from "./tls-advice.ts";

test.each([
  ["authentication failed: Failed to verify peer's certificate", /servercert\.pem.*Make a new one/],
  ["unable to connect: server verification (of our certificate or IP address) failed", /clientcert\.pem/],
  ["Unable to read TLS confirmation: Input/output error", /clientcert\.pem/],
  ["job 'migration out' failed: Certificate does not match the hostname 10.1.0.2", /server-cert\.pem.*subjectAltName/],
  ["The certificate hasn't got a known issuer", /give both one/],
  ["The server certificate /etc/pki/qemu/server-cert.pem has expired", /in place of the one named/],
  ["job 'migration out' failed: The certificate is not trusted", /has expired, or its authority/],
  ["Unable to access credentials /etc/pki/qemu/ca-cert.pem: No such file or directory", /put the file there/],
  ["Cannot read from TLS channel: Software caused connection abort", /did not accept .*client-cert\.pem/],
  ["operation failed: TLS handshake failed: whatever is new", /compare the certificates/],
])("%s", (said, remedy) => {
  expect(tlsAdvice(said, true)).toMatch(remedy);
});

test.each([
  ["unable to connect to server at 'h2:49152': Connection refused", true, undefined],
  ["operation aborted: canceled by client", true, undefined],
  ["job 'migration out' failed: Unable to write to socket: Broken pipe", false, undefined],
  ["job 'migration out' failed: Unable to write to socket: Broken pipe", true, /may not have accepted/],
])("%s, encrypted: %s", (said, encrypted, remedy) => {
  const advice = tlsAdvice(said, encrypted);
  if (remedy === undefined) expect(advice).toBeUndefined();
  else expect(advice).toMatch(remedy);
});
