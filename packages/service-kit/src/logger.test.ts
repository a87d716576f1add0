import { DroverError } from "@drover/model";
import { describe, expect, it } from "vitest";
import { createLogger } from "./logger.ts";

function logged(write: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLogger({ service: "test", level: "info", destination: { write: (line) => lines.push(line) } }));
  return lines.map((line) => JSON.parse(line));
}

describe("createLogger", () => {
  it("writes the sentence, the fields and those of its children", () => {
    const [line] = logged((logger) => logger.child({ migrationId: 7 }).warn({ host: "h1" }, "the copy stalls"));
    expect(line).toMatchObject({ level: "warn", service: "test", migrationId: 7, host: "h1", msg: "the copy stalls" });
  });

  it("drops what is below its level", () => {
    expect(logged((logger) => logger.debug({}, "noise"))).toEqual([]);
  });

  it("keeps secrets out, wherever they stand", () => {
    const lines = logged((logger) => {
      logger.info({ password: "hunter2", bus: { token: "hunter2" }, at: "amqp://u:hunter2@h:5672/" }, "opened");
      logger.error({ err: new Error("dialing redis://:hunter2@h") }, "failed");
    });
    expect(JSON.stringify(lines)).not.toContain("hunter2");
    expect(JSON.stringify(lines)).toContain("amqp://u:***@h:5672/");
  });

  it("prints an error with its code and whole chain", () => {
    const err = new DroverError("unavailable", "opening the bus", { cause: new Error("refused") });
    expect(logged((logger) => logger.error({ err }, "failed"))[0]?.err).toMatchObject({
      code: "unavailable",
      message: "opening the bus: refused",
    });
  });
});
