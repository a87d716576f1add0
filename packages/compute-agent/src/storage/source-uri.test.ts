import { expect, test } from "vitest";
import { sourceUriProblem } from "./source-uri.ts";

const tcp = "qemu+tcp://h1/system";

test.each<[string, string, string | undefined, RegExp | undefined]>([
  ["TCP", tcp, tcp, undefined],
  ["TLS", "qemu+tls://h1.example/system?pkipath=/etc/pki", undefined, undefined],
  ["TLS, by libvirt's usual transport", "qemu://h1/system", "qemu://h1/system", undefined],
  ["this host's own socket", "qemu+unix:///system?socket=/run/libvirt/libvirt-sock", undefined, /own libvirtd/],
  ["this host's own libvirtd", "qemu:///system", "qemu:///system", /own libvirtd/],
  ["loopback", "qemu+tcp://127.0.0.1/system", "qemu+tcp://127.0.0.1/system", /own libvirtd.*libvirt_migration_uri/],
  ["loopback of IPv6", "qemu+tcp://[::1]/system", undefined, /own libvirtd/],
  ["another host than the record has", "qemu+tcp://h3/system", tcp, /not what its record has/],
  ["a transport that nobody here speaks", "qemu+ssh://h1/system", undefined, /ssh.*libvirt_migration_uri/],
  ["no URI", "h1", undefined, /not a URI/],
])("%s", (_, uri, recorded, problem) => {
  const found = sourceUriProblem(uri, recorded);
  if (problem === undefined) expect(found).toBeUndefined();
  else expect(found).toMatch(problem);
});
