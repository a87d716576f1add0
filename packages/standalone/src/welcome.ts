import { localAdminPath } from "@drover/service-kit";

/** What a person reads when everything is up: where things are, and what to try. */
export function welcome(running: {
  readonly address: string;
  readonly dataDir: string;
  readonly hosts: readonly string[];
}): string {
  const { address, dataDir, hosts } = running;
  const elsewhere = address === "http://127.0.0.1:8774" ? "" : ` --url ${address}`;
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
    `    npx --no-install drover${elsewhere} server list`,
    `    npx --no-install drover${elsewhere} server migrate web-1 --watch`,
    `    npx --no-install drover${elsewhere} server migrate busy --watch     # never converges; meanwhile:`,
    `    npx --no-install drover${elsewhere} migration force-complete busy`,
    "",
    "  Ctrl-C stops it; the next start finds its records again.",
    "",
    "",
  ];
  return lines.join("\n");
}
