import { parseArgs } from "node:util";
import { installDebianPackages } from "../platform/debian-packages.ts";
import { tierAvailability } from "../platform/tiers.ts";
import { foldersOfGroup } from "../process/owned-folder.ts";
import { TestkitError } from "../testkit-error.ts";
import { labDown } from "./lab-down.ts";
import { type LabPlace, type LabState, labPlace, readLabState } from "./lab-state.ts";
import { labStatus, withoutPassword } from "./lab-status.ts";
import { labUp } from "./lab-up.ts";

/** Where the command runs and writes. */
export interface LabCommandOptions {
  /** The checkout. */
  readonly root: string;
  readonly say: (line: string) => void;
}

const USAGE = `Usage: npm run lab -- up [--hosts N] [--api-port PORT] | status | down

  up      real libvirt hosts with guests, RabbitMQ, Redis, PostgreSQL and a Drover over them; they stay when it ends
  status  what of it runs
  down    stops all of it and leaves nothing behind`;

/**
 * `npm run lab`: a lab that outlives the command, one per checkout.
 *
 * @returns The exit code: 0 done, 1 no lab or one already, 2 not understood, 130 interrupted.
 */
export async function labCommand(argv: readonly string[], options: LabCommandOptions): Promise<number> {
  const place = labPlace(options.root);
  const parsed = parse(argv);
  if (parsed === undefined) {
    options.say(USAGE);
    return 2;
  }
  switch (parsed.command) {
    case "up":
      return up(place, parsed, options.say);
    case "status":
      return status(place, options.say);
    case "down": {
      const wasThere = await labDown(place);
      options.say(wasThere ? "The lab is stopped; nothing of it is left." : "There is no lab.");
      return 0;
    }
  }
}

interface ParsedCommand {
  readonly command: "up" | "status" | "down";
  readonly hosts: number;
  readonly apiPort: number | undefined;
}

function parse(argv: readonly string[]): ParsedCommand | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { hosts: { type: "string", default: "2" }, "api-port": { type: "string" } },
    });
    const [command, ...rest] = positionals;
    const hosts = Number(values.hosts);
    const apiPort = values["api-port"] === undefined ? undefined : Number(values["api-port"]);
    const isValid = rest.length === 0 && Number.isInteger(hosts) && hosts >= 1 && hosts <= 8;
    const portIsValid = apiPort === undefined || (Number.isInteger(apiPort) && apiPort > 0 && apiPort < 65_536);
    if (!isValid || !portIsValid) return undefined;
    return command === "up" || command === "status" || command === "down" ? { command, hosts, apiPort } : undefined;
  } catch {
    return undefined;
  }
}

async function status(place: LabPlace, say: (line: string) => void): Promise<number> {
  const lines = await labStatus(place);
  if (lines === undefined) {
    say("There is no lab. Start one with: npm run lab -- up");
    return 1;
  }
  for (const line of lines) say(line);
  return 0;
}

async function up(place: LabPlace, parsed: ParsedCommand, say: (line: string) => void): Promise<number> {
  if ((await readLabState(place)) !== undefined || foldersOfGroup(place.group).length > 0) {
    say("There is a lab already. See it with: npm run lab -- status; end it with: npm run lab -- down");
    return 1;
  }
  await install(say);
  // Whatever ends the start half-way, nothing half-started stays.
  const interruption = new AbortController();
  const interrupted = () => {
    say("Interrupted; stopping what was started, once the step under way is done ...");
    interruption.abort();
  };
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    const state = await labUp(place, {
      hosts: parsed.hosts,
      apiPort: parsed.apiPort,
      say,
      signal: interruption.signal,
    });
    for (const line of howToUse(state)) say(line);
    return 0;
  } catch (error) {
    await labDown(place);
    if (interruption.signal.aborted) return 130;
    throw error;
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  }
}

async function install(say: (line: string) => void): Promise<void> {
  const missing: string[] = [];
  for (const [tier, { available, reason, missingPackages }] of Object.entries(await tierAvailability())) {
    if (!available) throw new TestkitError(`a lab cannot run here (${tier}): ${reason}`);
    missing.push(...missingPackages);
  }
  if (missing.length === 0) return;
  say(`Installing Debian packages, without starting their services: ${missing.join(" ")} ...`);
  await installDebianPackages(missing);
}

function howToUse(state: LabState): string[] {
  const first = state.hosts[0];
  const lines = ["", "The lab is up.", "", "Guests"];
  lines.push(...state.guests.map(({ name, about }) => `  ${name.padEnd(8)} ${about}`));
  lines.push("", "Hosts", ...state.hosts.map(({ name, uri }) => `  ${name.padEnd(8)} virsh -c '${uri}'`));
  lines.push("", "Services");
  lines.push(...state.processes.map(({ label, url }) => `  ${label.padEnd(16)} ${withoutPassword(url)}`));
  if (state.url !== undefined && state.token !== undefined && first !== undefined) {
    lines.push(
      "",
      "Try",
      `  export DROVER_URL=${state.url} DROVER_TOKEN=${state.token}`,
      "  npx --no-install drover server list",
      "  npx --no-install drover server migrate steady --watch",
      "  npx --no-install drover server migrate busy            # never converges: hurry it or call it off",
      "  npx --no-install drover migration list",
      "  npx --no-install drover migration force-complete ID",
    );
  }
  lines.push("", "See it with: npm run lab -- status; end it with: npm run lab -- down");
  return lines;
}
