import { expect, it } from "vitest";
import { DroverError, errorChain, errorCodeOf, isDroverError, serializeError } from "./error.ts";

it("prints the chain once per link, outermost first", () => {
  const error = new DroverError("libvirt", "starting web on a", { cause: new Error("unsafe migration") });
  expect(errorChain(error)).toBe("starting web on a: unsafe migration");
});

it("ends a cyclic chain", () => {
  const error = new Error("round");
  error.cause = error;
  expect(errorChain(error)).toBe("round");
});

it("takes what is not ours for a bug", () => {
  expect(errorCodeOf(new TypeError("x"))).toBe("internal");
  expect(isDroverError(new TypeError("x"))).toBe(false);
});

it("keeps code, text and details when it travels", () => {
  const error = new DroverError("refused", "web cannot be moved", { details: { serverUuid: "u" } });
  expect(serializeError(error)).toEqual({
    code: "refused",
    message: "web cannot be moved",
    details: { serverUuid: "u" },
  });
  expect(isDroverError(error, "refused")).toBe(true);
});
