import { readFile, rename, writeFile } from "node:fs/promises";
import { type Clock, isInForce, isSecretOf, mintToken, parseToken } from "@drover/model";
import { localAdminPath } from "@drover/service-kit";
import type { Store } from "@drover/store";

/**
 * Sees to an administrator's token in a file of the data directory that its owner alone can read, so that `drover` works
 * at once for whoever may start Drover there. One that does not count any more is replaced by a new one.
 */
export async function ensureLocalAdmin(options: {
  readonly dataDir: string;
  readonly store: Store;
  readonly clock: Clock;
}): Promise<void> {
  const { store, clock } = options;
  const path = localAdminPath(options.dataDir);
  const before = parseToken(
    await readFile(path, "utf8").then(
      (text) => text.trim(),
      () => "",
    ),
  );
  const known = before === undefined ? undefined : await store.tokens.get(before.id);
  if (before !== undefined && known !== undefined && isSecretOf(before.secret, known)) {
    if (isInForce(known, clock.now()) && known.role === "admin") return;
  }
  const { id, secretHash, text } = mintToken();
  await store.tokens.create({
    ...{ id, secretHash, name: "admin", role: "admin", projectId: "admin", expiresAt: null, createdBy: "standalone" },
    // Whoever reads the file is on this machine.
    networks: ["127.0.0.0/8", "::1/128"],
  });
  await writeFile(`${path}.new`, `${text}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
