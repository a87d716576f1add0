import { handle, type RpcHandler } from "@drover/bus";
import { createToken, revokeToken } from "@drover/contracts";
import { viewToken } from "@drover/fleet";
import { DroverError } from "@drover/model";
import type { ConductorContext } from "../conductor-context.ts";

/** Tokens are given out and taken back. */
export function tokenHandlers({ store, clock, logger }: ConductorContext): readonly RpcHandler[] {
  return [
    handle(createToken, async ({ id, secretHash, token, requestedBy }) => {
      const expiresAt = token.expiresAt === null ? null : new Date(token.expiresAt);
      if (expiresAt !== null && expiresAt <= clock.now()) {
        throw new DroverError("bad-request", `expiresAt: ${token.expiresAt} is past: name a later time, or none`, {
          details: { field: "expiresAt" },
        });
      }
      const made = await store.tokens.create({ ...token, id, secretHash, expiresAt, createdBy: requestedBy });
      logger.info({ tokenId: id, holder: made.name, role: made.role, requestedBy }, "a token was made");
      return { token: viewToken(made) };
    }),
    handle(revokeToken, async ({ id, requestedBy }) => {
      const revoked = await store.tokens.revoke(id, requestedBy);
      logger.info({ tokenId: id, holder: revoked.name, requestedBy }, "a token was revoked");
      return { token: viewToken(revoked) };
    }),
  ];
}
