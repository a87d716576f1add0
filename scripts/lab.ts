/** `npm run lab -- up|status|down`: real hosts with guests and a Drover over them, for a person to use. */
// From its sources: the test kit has no dependencies, so `status` and `down` work whether or not anything is built.
import { labCommand } from "../packages/testkit/src/index.ts";
import { build, root } from "./build.ts";

const argv = process.argv.slice(2);
if (argv[0] === "up") await build("Building Drover");

try {
  process.exitCode = await labCommand(argv, { root, say: (line) => console.log(line) });
} catch (error) {
  for (let cause = error; cause instanceof Error; cause = cause.cause) console.error(`lab: ${cause.message}`);
  process.exitCode = 1;
}
