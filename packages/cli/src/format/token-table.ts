import type { TokenView } from "@drover/api-client";
import { formatTable } from "./table.ts";

/** `drover token list` for people. */
export function tokenTable(tokens: readonly TokenView[], now: Date): string {
  if (tokens.length === 0) return "No token was given out yet.\n";
  return formatTable(
    ["ID", "NAME", "ROLE", "PROJECT", "FROM", "MADE BY", "STATE"],
    tokens.map((token) => [
      token.id,
      token.name,
      token.role,
      token.projectId,
      token.networks.length === 0 ? "everywhere" : token.networks.join(" "),
      token.createdBy,
      stateWords(token, now),
    ]),
  );
}

function stateWords({ revokedAt, revokedBy, expiresAt }: TokenView, now: Date): string {
  if (revokedAt !== null) return `revoked by ${revokedBy}`;
  if (expiresAt === null) return "in force";
  return Date.parse(expiresAt) <= now.getTime() ? "expired" : `until ${expiresAt}`;
}
