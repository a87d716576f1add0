import { describe, expect, test } from "vitest";
import { chooseInbound, findInbound } from "./inbound-address.ts";

const own = new Set(["127.0.0.1", "192.0.2.2", "198.51.100.2", "2001:db8::2"]);

describe("chooseInbound", () => {
  test.each([
    ["an address is itself", "198.51.100.2", ["198.51.100.2"], "198.51.100.2"],
    ["an IPv6 address too", "2001:db8::2", ["2001:db8::2"], "2001:db8::2"],
    ["an address that is not this host's is the operator's word", "203.0.113.9", ["203.0.113.9"], "203.0.113.9"],
    ["even loopback, where hosts are simulated on one machine", "127.0.0.1", ["127.0.0.1"], "127.0.0.1"],
    ["a name is its address", "h2-migration", ["198.51.100.2"], "198.51.100.2"],
    ["the one that this host has, of several", "h2", ["203.0.113.9", "2001:db8::2"], "2001:db8::2"],
    ["never loopback", "h2", ["127.0.1.1", "192.0.2.2"], "192.0.2.2"],
    [
      "the first, where the agent sees other interfaces than libvirtd",
      "h2",
      ["203.0.113.9", "203.0.113.8"],
      "203.0.113.9",
    ],
    ["a name that nobody resolves here is kept", "h2", [], "h2"],
  ])("%s", (_, inboundAddress, resolved, listenAddress) => {
    expect(chooseInbound(inboundAddress, resolved, own)).toEqual({ listenAddress });
  });

  test("a name that is only loopback here would be reached by nobody", () => {
    const chosen = chooseInbound("h2", ["127.0.1.1", "::1"], own);
    expect(chosen).toEqual({ problem: expect.stringContaining("127.0.1.1, ::1") });
  });

  test("a name that does not resolve says so", async () => {
    const inbound = await findInbound("h2", () => Promise.reject(new Error("getaddrinfo ENOTFOUND h2")));
    expect(inbound).toEqual({ problem: "does not resolve (getaddrinfo ENOTFOUND h2)" });
  });
});
