import { expect, test } from "vitest";
import { NOBODY, natsAddresses } from "./nats-address.ts";

test("an address names its server, its user and whether it speaks TLS", () => {
  expect(natsAddresses(["nats://drover:p%40ss@one.example", "tls://drover:other@[::1]:4333"])).toEqual({
    user: "drover",
    addresses: [
      { server: "one.example:4222", tls: false, credentials: { user: "drover", pass: "p@ss" } },
      { server: "[::1]:4333", tls: true, credentials: { user: "drover", pass: "other" } },
    ],
  });
  expect(natsAddresses(["nats://one.example"])).toMatchObject({
    user: NOBODY,
    addresses: [{ credentials: undefined }],
  });
});

test.each([
  [[], "`urls` names no server"],
  [["amqp://a:secret@b"], "`urls[0]` is not a nats:// or tls:// address"],
  [["nats://a:secret@b", "one.example"], "`urls[1]` is not"],
  [["nats://a:se%cret%@b"], "`urls[0]` has a stray %"],
  [["nats://se%cret:x@b"], "`urls[0]` has a stray %"],
  [["nats://a:secret@b", "nats://c:secret@d"], "`urls[1]` names another user than `urls[0]`"],
])("%j is refused, without its password", (urls, message) => {
  expect(() => natsAddresses(urls)).toThrow(
    expect.objectContaining({ code: "bad-request", message: expect.stringContaining(message) }),
  );
  expect(() => natsAddresses(urls)).not.toThrow(/secret|cret/);
});
