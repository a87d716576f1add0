import type { AuditView, TokenView } from "@drover/contracts";
import type { AccessToken, AuditEntry } from "@drover/model";

/** A token as it is shown: without the hash of its secret. */
export function viewToken({
  secretHash: _,
  networks,
  createdAt,
  expiresAt,
  revokedAt,
  ...token
}: AccessToken): TokenView {
  return {
    ...token,
    networks: [...networks],
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
    revokedAt: revokedAt?.toISOString() ?? null,
  };
}

export function viewAudit({ at, ...entry }: AuditEntry): AuditView {
  return { ...entry, at: at.toISOString() };
}
