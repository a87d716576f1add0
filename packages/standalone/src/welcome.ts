import { localAdminPath } from "@drover/service-kit";

/** Of the simulated hosts' guests one never converges. */
const DEMONSTRATION = [
  "server list",
  "server migrate web-1 --watch",
  "server migrate busy --watch     # never converges; meanwhile:",
  "migration force-complete busy",
];

/** What a person reads when everything is up: where things are, and what to try. */
export function welcome(running: {
  readonly address: string;
  readonly dataDir: string;
  readonly hosts: readonly string[];
}): string {
  const { address, dataDir, hosts } = running;
  const drover = `npx --no-install drover${address === "http://127.0.0.1:8774" ? "" : ` --url ${address}`}`;
  const lines = [
    "",
    "  Drover is up.",
    "",
    `    API      ${address}   (Nova-compatible under /v2.1, Drover's own under /v1)`,
    `    health   ${address}/healthz   ${address}/readyz`,
    `    records  ${dataDir}`,
    `    token    ${localAdminPath(dataDir)}   (the administrator's; drover takes it by itself)`,
    ...(hosts.length === 0 ? [] : [`    hosts    ${hosts.join(", ")}   (simulated)`]),
    "",
    "  Try, in another terminal:",
    "",
    ...(hosts.length === 0 ? ["host list", "server list"] : DEMONSTRATION).map((words) => `    ${drover} ${words}`),
    "",
    "  Ctrl-C stops it; the next start finds its records again.",
    "",
    "",
  ];
  return lines.join("\n");
}
