import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/**
 * The commands of a page below docs/guides as one script for bash: its `sh` blocks in their order, each announced on
 * standard error by its line, so that one that fails can be found. What is only to be read is in blocks of other languages.
 */
export async function guideScript(page: string): Promise<string> {
  const text = await readFile(fileURLToPath(new URL(`../../docs/guides/${page}`, import.meta.url)), "utf8");
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(({ index, 1: commands = "" }) => {
    const line = text.slice(0, index).split("\n").length;
    return `echo "# ${page}:${line}" >&2\n${commands}`;
  });
  if (blocks.length === 0) throw new Error(`${page} has no commands`);
  return ["set -eu -o pipefail", ...blocks].join("\n");
}
