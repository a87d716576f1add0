import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { runCli } from "../run-cli.ts";
import { capturedIo } from "../testing/captured-io.ts";

async function script(shell: string): Promise<string> {
  const io = capturedIo();
  expect(await runCli(["completion", shell], io)).toBe(0);
  return io.out();
}

/** What bash offers when Tab is pressed at the end of the last word. */
function offered(bash: string, ...words: readonly string[]): readonly string[] {
  const line = ["drover", ...words].map((word) => `'${word}'`).join(" ");
  const press = `COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _drover; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync("bash", ["--norc", "-c", `${bash}\n${press}`], { encoding: "utf8" });
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  return stdout.split("\n").filter((word) => word !== "");
}

test("bash is offered commands, then their own, then their options and the common ones", async () => {
  const bash = await script("bash");
  expect(offered(bash, "mig")).toEqual(["migration"]);
  expect(offered(bash, "server", "mi")).toEqual(["migrate"]);
  expect(offered(bash, "server", "migrate", "web-1", "--to")).toEqual(["--to", "--token"]);
  expect(offered(bash, "--url", "http://x", "host", "li")).toEqual(["list", "limit"]);
});

test("bash is offered the values of an option that has some, and nothing after one that takes anything", async () => {
  const bash = await script("bash");
  expect(offered(bash, "host", "list", "--output", "")).toEqual(["table", "json", "yaml"]);
  expect(offered(bash, "host", "list", "-o", "y")).toEqual(["yaml"]);
  expect(offered(bash, "completion", "")).toEqual(expect.arrayContaining(["bash", "zsh", "fish"]));
  expect(offered(bash, "server", "migrate", "web-1", "--to", "")).toEqual([]);
});

test.each(["zsh", "fish"])("%s is offered the same commands, with what they do", async (shell) => {
  const text = await script(shell);
  for (const word of ["migrate", "force-complete", "watch"]) expect(text).toContain(word);
  expect(text).toContain("show the progress until it is over");
});

test("a shell that there is no script for is refused, and the others named", async () => {
  const io = capturedIo();
  expect(await runCli(["completion", "tcsh"], io)).toBe(2);
  expect(io.err()).toMatch(/Allowed choices are bash, zsh, fish/);
});
