/** Every command of the guides, in their order, as a reader has them: against what `npm start` runs. */
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "@drover/testkit";
import { describe, it } from "vitest";
import { standaloneFolders } from "../integration/standalone-process.ts";
import { guideScript } from "./shell-blocks.ts";

const COMMANDS = fileURLToPath(new URL("../../node_modules/.bin", import.meta.url));
const WRITTEN_FOR = "http://127.0.0.1:8774";

describe.concurrent("the commands of", () => {
  it.for(["moving-servers.md", "managing-a-migration.md", "openstack-clients.md", "api.md"])(
    "%s do what the guide says",
    { timeout: 240_000 },
    async (page) => {
      await using folders = await standaloneFolders();
      await using drover = await folders.start();
      // Where a reader's data is by default.
      const home = join(folders.data, "home");
      await mkdir(join(home, ".local/share"), { recursive: true });
      await symlink(folders.data, join(home, ".local/share/drover"));
      const script = (await guideScript(page)).replaceAll(WRITTEN_FOR, drover.url);
      const env = {
        PATH: `${COMMANDS}:/usr/bin:/bin`,
        HOME: home,
        LANG: "C.UTF-8",
        DROVER_URL: drover.url,
      };
      await runCommand("bash", ["-c", script], { env, cwd: folders.data, deadlineMs: 220_000 });
    },
  );
});
