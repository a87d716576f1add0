import { DroverError, ERROR_CODES } from "@drover/model";
import { expect, test } from "vitest";
import { encodeReply } from "./envelope.ts";
import { dispatchRefusal, errorOf, failureOf } from "./failure.ts";

test.each(ERROR_CODES)("%s travels as the class of the failure and comes back", (code) => {
  const failure = failureOf(new DroverError(code, "moving vm1", { details: { host: "hostb" } }));
  expect(failure).toMatchObject({ class: code, module: "drover", message: "moving vm1", args: ["moving vm1"] });
  expect(errorOf(failure)).toMatchObject({ code, message: "moving vm1", details: { host: "hostb" } });
});

test("no stack leaves the process", () => {
  const { tb } = failureOf(new TypeError("boom"));
  expect(tb).toEqual(["internal: boom\n"]);
});

test("details that JSON cannot carry do not cost the error", () => {
  const failure = failureOf(new DroverError("libvirt", "no", { details: { bytes: 1n } }));
  expect(errorOf(failure)).toMatchObject({ code: "libvirt", message: "no", details: {} });
});

test("the two refusals of a dispatcher have oslo's class, module and words", () => {
  expect(failureOf(dispatchRefusal("no-such-method", "nosuch", "1.0"))).toMatchObject({
    class: "NoSuchMethod",
    module: "oslo_messaging.rpc.dispatcher",
    message: "Endpoint does not support RPC method nosuch",
    args: ["Endpoint does not support RPC method nosuch"],
    // A client that allows the module calls the class with these.
    kwargs: {},
  });
  expect(failureOf(dispatchRefusal("unsupported-version", "add", "7.0"))).toMatchObject({
    class: "UnsupportedVersion",
    message: "Endpoint does not support RPC version 7.0. Attempted method: add",
  });
});

test("a stock server's refusal is understood", () => {
  const failure = {
    class: "UnsupportedVersion",
    module: "oslo_messaging.rpc.dispatcher",
    message: "Endpoint does not support RPC version 7.0. Attempted method: add",
    tb: [],
    args: [],
    kwargs: {},
  };
  expect(errorOf(failure)).toMatchObject({ code: "bad-request", details: { reason: "unsupported-version" } });
});

test("a code that we do not know is a bug of the other side", () => {
  const failure = { ...failureOf(new Error("x")), class: "brand-new-code" };
  expect(errorOf(failure)).toMatchObject({ code: "internal", details: { class: "brand-new-code" } });
});

test("an error of any size fits its reply", () => {
  const huge = "x".repeat(9 * 1024 * 1024);
  const failure = failureOf(new DroverError("libvirt", `no: ${huge}`, { details: { huge } }));
  const reply = { messageId: "m", uniqueId: "u", result: null, failure, ending: true };
  expect(encodeReply(reply).length).toBeLessThan(256 * 1024);
  expect(errorOf(failure)).toMatchObject({
    code: "libvirt",
    message: expect.stringMatching(/^no: x+… \(shortened\)$/),
  });
});
