import { isRunning } from "../process/process-identity.ts";
import { runCommand } from "../process/run-command.ts";
import { type LabPlace, type LabState, readLabState } from "./lab-state.ts";

/** What a lab is doing, as lines for a person. `undefined` if there is no lab. */
export async function labStatus(place: LabPlace): Promise<string[] | undefined> {
  const state = await readLabState(place);
  if (state === undefined) return undefined;
  const hosts = await Promise.all(state.hosts.map(describeHost));
  return [
    `Lab started at ${state.startedAt}${state.complete ? "" : " (its start was not completed: run down, then up)"}`,
    "",
    "Processes",
    ...state.processes.map(
      ({ label, identity, url }) =>
        `  ${label.padEnd(16)} ${isRunning(identity) ? `pid ${identity.pid}` : "NOT RUNNING"}  ${withoutPassword(url)}`,
    ),
    "",
    "Hosts",
    ...hosts.flat(),
    ...(state.url === undefined ? [] : ["", `API at ${state.url}`]),
  ];
}

async function describeHost({ name, uri }: LabState["hosts"][number]): Promise<string[]> {
  const guests = await runCommand("virsh", ["--connect", uri, "list", "--all"], { deadlineMs: 5_000 }).then(
    ({ stdout }) => stdout.trim().split("\n").slice(2),
    () => undefined,
  );
  if (guests === undefined) return [`  ${name}: libvirtd does not answer`];
  return [
    `  ${name}: ${uri}`,
    ...(guests.length === 0 ? ["    no guests"] : guests.map((line) => `    ${line.trim()}`)),
  ];
}

/** The URL as it may be shown on a terminal. */
export function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return url;
  const shown = new URL(url);
  if (shown.password !== "") shown.password = "***";
  return shown.href;
}
