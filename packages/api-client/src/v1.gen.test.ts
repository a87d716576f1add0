import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("v1.gen.ts is what the generator makes of the API's OpenAPI document", () => {
  const script = fileURLToPath(new URL("../scripts/generate-types.ts", import.meta.url));
  expect(() => execFileSync(process.execPath, [script, "--check"], { encoding: "utf8" })).not.toThrow();
});
