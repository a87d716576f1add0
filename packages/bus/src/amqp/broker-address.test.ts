import { expect, test } from "vitest";
import { brokerAddresses } from "./broker-address.ts";

test("a label has host, port and vhost, and no credentials", () => {
  const urls = [
    "amqp://drover:secret@a.example/",
    "amqps://drover:secret@b.example/prod",
    "amqp://drover:s2@c.example:5673",
  ];
  const labels = brokerAddresses(urls).map(({ label }) => label);
  expect(labels).toEqual(["a.example:5672/", "b.example:5671/prod", "c.example:5673"]);
});

test("a heartbeat is asked for, unless the address has its own", () => {
  expect(brokerAddresses(["amqp://a.example"])[0]?.url).toContain("heartbeat=10");
  expect(brokerAddresses(["amqp://a.example?heartbeat=60"])[0]?.url).toContain("heartbeat=60");
});

test("user and password are those that percent-encoding stands for", () => {
  const [address] = brokerAddresses(["amqp://dr%C3%B6ver:p%C3%A4%C3%9F%2F@a.example"]);
  expect([address.user, address.password]).toEqual(["dröver", "päß/"]);
});

const wrong = [
  "http://drover:secret@a.example",
  "drover:secret@",
  "",
  "amqp://drover:secret%@a.example",
  "amqp://se%cret@a",
];

test.each(wrong)("%j is refused by its position", (url) => {
  let message = "";
  try {
    brokerAddresses(["amqp://a.example", url]);
  } catch (error) {
    expect(error).toMatchObject({ code: "bad-request" });
    message = String(error);
  }
  expect(message).toContain("`urls[1]`");
  expect(message).not.toMatch(/secret|cret@/);
});

test("no address at all is refused", () => {
  expect(() => brokerAddresses([])).toThrow(expect.objectContaining({ code: "bad-request" }));
});

test("members of a cluster are asked as one user", () => {
  expect(() => brokerAddresses(["amqp://drover:secret@a.example", "amqp://other:secret@b.example"])).toThrow(
    "`urls[1]`",
  );
});
