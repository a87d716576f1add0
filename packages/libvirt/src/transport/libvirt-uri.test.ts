import { expect, test } from "vitest";
import { parseLibvirtUri } from "./libvirt-uri.ts";

test.each([
  ["qemu:///system", { transport: "unix", driverUri: "qemu:///system", socketPath: "/run/libvirt/libvirt-sock" }],
  [
    "qemu+unix:///system?socket=/run/libvirt/virtqemud-sock",
    { transport: "unix", driverUri: "qemu:///system", socketPath: "/run/libvirt/virtqemud-sock" },
  ],
  ["qemu+tcp://host-2/system", { transport: "tcp", driverUri: "qemu:///system", host: "host-2", port: 16_509 }],
  ["qemu+tcp://[::1]:17000/system", { transport: "tcp", driverUri: "qemu:///system", host: "::1", port: 17_000 }],
  [
    "qemu+tls://host-2/system?pkipath=/etc/pki/drover&no_verify=0",
    {
      transport: "tls",
      driverUri: "qemu:///system?no_verify=0",
      host: "host-2",
      port: 16_514,
      pkiPath: "/etc/pki/drover",
    },
  ],
  ["qemu://host-2/system", { transport: "tls", driverUri: "qemu:///system", host: "host-2", port: 16_514 }],
  ["test:///default", { transport: "unix", driverUri: "test:///default", socketPath: "/run/libvirt/libvirt-sock" }],
])("%s", (uri, address) => {
  expect(parseLibvirtUri(uri)).toMatchObject(address);
});

test.each([
  ["not a uri", /not a URI/],
  ["qemu+ssh://host-2/system", /transport "ssh" is not supported; use unix, tcp or tls/],
  ["qemu+unix://host-2/system", /no host/],
  ["qemu+tcp:///system", /names no host/],
])("%s is refused", (uri, message) => {
  expect(() => parseLibvirtUri(uri)).toThrow(
    expect.objectContaining({ code: "bad-request", message: expect.stringMatching(message) }),
  );
});
