import { mintToken } from "@drover/model";
import type { NewToken } from "@drover/store";

/** An administrator's token for a client, and what the store is to have of it before that client is used. */
export function mintAdmin(): { readonly text: string; readonly record: NewToken } {
  const { id, secretHash, text } = mintToken();
  const rest = { role: "admin", projectId: "admin", networks: [], expiresAt: null, createdBy: "test" } as const;
  return { text, record: { id, secretHash, name: "admin", ...rest } };
}
