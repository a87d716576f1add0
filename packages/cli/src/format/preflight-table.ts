import type { HostDeparturesView, MigrationPreflightView } from "@drover/api-client";
import { printable } from "./printable.ts";
import { formatBytes } from "./quantity.ts";
import { formatTable } from "./table.ts";

type Checks = MigrationPreflightView["checks"];

/** `drover server preflight` for people: the verdict, the hosts side by side, every check. */
export function preflightText(report: MigrationPreflightView): string {
  const sections = [
    `${printable(`${report.canMove ? "yes" : "no"}: ${report.reason}`)}\n`,
    ...(report.hosts.length === 0 ? [] : [hostTable(report)]),
    `${printable(`${report.server.name} on ${report.sourceHost}`)}\n${checkTable(report.checks)}`,
    ...report.hosts.map(({ host, checks }) => `${printable(host)}\n${checkTable(checks)}`),
  ];
  return sections.join("\n");
}

/**
 * `drover host preflight` for people; what cannot move comes first, then what finds no room beside the others.
 *
 * @param rows Which servers are listed. @default all
 */
export function departuresText(report: HostDeparturesView, rows: "all" | "staying" = "all"): string {
  const { host, canMove, cannotMove, canMoveTogether, servers, destinations } = report;
  if (servers.length === 0) return `${printable(host)} has no servers.\n`;
  const listed = servers
    .filter(({ together }) => rows === "all" || together.host === null)
    .toSorted(
      (a, b) =>
        Number(a.canMove) - Number(b.canMove) || Number(a.together.host !== null) - Number(b.together.host !== null),
    );
  const room = destinations
    .map((one) => `${one.host} ${one.servers} (${formatBytes(one.memoryKiB * 1024)})`)
    .join(", ");
  const together = `${canMoveTogether} of ${servers.length} find room together${room === "" ? "" : `: ${room}`}`;
  return [
    `${printable(`${host}: ${canMove} can move and ${cannotMove} cannot, each alone; ${together}`)}\n\n`,
    formatTable(
      ["SERVER", "CAN MOVE", "TO", "TOGETHER", "WHY"],
      listed.map((row) => [
        row.server.name,
        row.canMove ? "yes" : "no",
        row.chosenHost ?? "",
        row.together.host ?? "no",
        row.together.host === null ? row.together.reason : row.reason,
      ]),
    ),
  ].join("");
}

function hostTable({ hosts, chosenHost }: MigrationPreflightView): string {
  return formatTable(
    ["HOST", "VERDICT", "RANK", "WEIGHT", "FAILED CHECKS"],
    hosts.map(({ host, verdict, rank, weight, checks }) => [
      host === chosenHost ? `${host} (chosen)` : host,
      verdict,
      rank === null ? "" : String(rank),
      weight === null ? "" : weight.toFixed(2),
      checks
        .filter(({ passed }) => !passed)
        .map(({ check }) => check)
        .join(", "),
    ]),
  );
}

function checkTable(checks: Checks): string {
  if (checks.length === 0) return "  not asked\n";
  const table = formatTable(
    ["CHECK", "RESULT", "MESSAGE"],
    checks.map(({ check, passed, message }) => [check, passed ? "passed" : "FAILED", message]),
  );
  return table.replaceAll(/^(?=.)/gm, "  ");
}
