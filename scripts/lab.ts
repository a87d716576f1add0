/** `npm run lab -- up|status|down`: real hosts with guests and a Drover over them, for a person to use. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
// From its sources: the test kit has no dependencies, so `status` and `down` work whether or not anything is built.
import { labCommand } from "../packages/testkit/src/index.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const argv = process.argv.slice(2);

if (argv[0] === "up") {
  const built = spawnSync("turbo", ["run", "build", "--output-logs=errors-only"], { cwd: root, stdio: "inherit" });
  if (built.status !== 0) process.exit(built.status ?? 1);
}

try {
  process.exitCode = await labCommand(argv, { root, say: (line) => console.log(line) });
} catch (error) {
  for (let cause = error; cause instanceof Error; cause = cause.cause) console.error(`lab: ${cause.message}`);
  process.exitCode = 1;
}
