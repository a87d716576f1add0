import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { apiConfig, startApi } from "@drover/api";
import { openInProcessBus } from "@drover/bus";
import { systemClock as clock, silentLogger as logger } from "@drover/model";
import { openMemoryProgress } from "@drover/progress";
import { openSqliteStore } from "@drover/store";
import { createCertificates } from "@drover/testkit";
import { expect, it } from "vitest";
import { mintAdmin } from "./mint-admin.ts";

const DROVER = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));

it("drover speaks TLS to an API beyond loopback, to one whose authority it was told to trust", async () => {
  await using started = new AsyncDisposableStack();
  const certificates = started.use(await createCertificates());
  const store = await openSqliteStore({ path: ":memory:", clock, logger });
  started.defer(() => store.close());
  const bus = openInProcessBus();
  started.defer(() => bus.close());
  const progress = openMemoryProgress({ clock, logger });
  started.defer(() => progress.close());
  const config = apiConfig.parse({
    ...{ host: "0.0.0.0", port: 0 },
    ...{ tls_cert_path: certificates.serverCertificateFile, tls_key_path: certificates.serverKeyFile },
  });
  const api = await startApi({ bus, store, progress, clock, logger, config });
  started.defer(() => api.stop());
  const { record, text: token } = mintAdmin();
  await store.tokens.create(record);

  const url = `https://127.0.0.1:${new URL(api.address).port}`;
  const drover = (...options: string[]) => {
    const env = { PATH: process.env.PATH, DROVER_URL: url, DROVER_TOKEN: token };
    return promisify(execFile)(process.execPath, [DROVER, "token", "list", ...options], { env });
  };
  expect((await drover("--cacert", certificates.caFile)).stdout).toContain(record.id);
  await expect(drover()).rejects.toMatchObject({ code: 7, stderr: expect.stringMatching(/certificate/) });
  await expect(drover("--cacert", "/nowhere")).rejects.toMatchObject({ code: 2 });
});
