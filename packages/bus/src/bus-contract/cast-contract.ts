import { expect, test, vi } from "vitest";
import { handle } from "../bus.ts";
import type { ContractBed } from "./contract-bed.ts";
import { rejection } from "./sample.ts";

/** Casts: where they go, and what becomes of those that nobody can deal with. */
export function describeCasts(bed: ContractBed): void {
  test("a cast that no queue takes is agent-unreachable", async () => {
    const error = await rejection(bed.caller.cast(bed.contracts.note, { text: "hello" }, { server: "nowhere" }));
    expect(error.code).toBe("agent-unreachable");
  });

  test("a cast reaches one server, a fanout all of them", async () => {
    const heard: string[] = [];
    const listen = (server: string) =>
      handle(bed.contracts.note, async ({ text }) => {
        heard.push(`${server}:${text}`);
      });
    await bed.serve("hosta", listen("hosta"));
    await bed.serve("hostb", listen("hostb"));
    await bed.caller.cast(bed.contracts.note, { text: "one" }, { server: "hosta" });
    await bed.caller.cast(bed.contracts.note, { text: "any" });
    await bed.caller.cast(bed.contracts.note, { text: "all" }, { fanout: true });
    await vi.waitFor(() => expect(heard).toHaveLength(4));
    expect(heard).toContain("hosta:one");
    expect(heard.filter((line) => line.endsWith(":any"))).toHaveLength(1);
    expect(heard.filter((line) => line.endsWith(":all")).sort()).toEqual(["hosta:all", "hostb:all"]);
  });

  test("a cast whose handler fails is not run for ever", async () => {
    const heard: string[] = [];
    await bed.serve(
      "hosta",
      handle(bed.contracts.note, async ({ text }) => {
        heard.push(text);
        if (text === "bad") throw new Error("cannot");
      }),
    );
    await bed.caller.cast(bed.contracts.note, { text: "bad" });
    await bed.caller.cast(bed.contracts.note, { text: "good" });
    await vi.waitFor(() => expect(heard).toContain("good"));
    await bed.caller.cast(bed.contracts.note, { text: "last" });
    await vi.waitFor(() => expect(heard).toContain("last"));
    expect(heard.filter((text) => text === "bad")).toHaveLength(1);
  });
}
