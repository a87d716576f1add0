import type { HostDeparturesView, MigrationPreflightView } from "@drover/api-client";
import { printable } from "./printable.ts";
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

/** `drover host preflight` for people; what cannot move comes first. */
export function departuresText({ host, canMove, cannotMove, servers }: HostDeparturesView): string {
  if (servers.length === 0) return `${printable(host)} has no servers.\n`;
  const rows = servers.toSorted((a, b) => Number(a.canMove) - Number(b.canMove));
  return [
    `${printable(`${host}: ${canMove} can move, ${cannotMove} cannot; each was asked as if it were the only one`)}\n\n`,
    formatTable(
      ["SERVER", "CAN MOVE", "TO", "WHY"],
      rows.map(({ server, chosenHost, reason, ...row }) => [
        server.name,
        row.canMove ? "yes" : "no",
        chosenHost ?? "",
        reason,
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
