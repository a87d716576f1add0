/** `npm run bench -- NAME [--json] [--runs N] [--only PART]`: prints a table and, with `--json`, ends with one line of JSON. */
import { parseArgs } from "node:util";
import { build } from "../../scripts/build.ts";
import { api } from "./api.ts";
import type { Bench } from "./bench.ts";
import { fleet } from "./fleet.ts";
import { overhead } from "./overhead.ts";
import { queues } from "./queues.ts";
import { rpc } from "./rpc.ts";

const benches: Readonly<Record<string, Bench>> = { api, fleet, overhead, queues, rpc };

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean", default: false }, runs: { type: "string" }, only: { type: "string" } },
});
const [name = ""] = positionals;
const bench = benches[name];
const runs = values.runs === undefined ? undefined : Number(values.runs);
if (bench === undefined || (runs !== undefined && !(Number.isInteger(runs) && runs > 0))) {
  console.error(
    `usage: npm run bench -- NAME [--json] [--runs N] [--only PART]\nNAME is one of: ${Object.keys(benches).join(", ")}`,
  );
  process.exit(2);
}
await build("building Drover");
const { figures, ratios } = await bench({ runs, only: values.only, say: (line) => console.error(line) });
if (values.json) console.log(JSON.stringify({ bench: name, figures, ratios }));
else console.log({ figures, ratios });
