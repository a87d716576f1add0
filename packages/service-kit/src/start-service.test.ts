import { spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { fileURLToPath } from "node:url";
import { DroverError, silentLogger } from "@drover/model";
import { describe, expect, it, vi } from "vitest";
import { EXIT_CODES, startService } from "./run-service.ts";

const quiet = { name: "test", sections: {}, env: {}, logger: silentLogger };

async function get(url: string, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  request(url, { headers, agent: false }, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
  })
    .on("error", reject)
    .end();
  return promise;
}

describe("startService", () => {
  it("answers health, readiness and metrics on a port of its own", async () => {
    let away = true;
    const service = await startService({
      ...quiet,
      start: async ({ readiness, metrics }) => {
        readiness.add("bus", async () => {
          if (away) throw new DroverError("unavailable", "dialing amqp://u:hunter2@h");
        });
        metrics.counter({ name: "drover_test_total", help: "Counts." }).inc();
        metrics.counter({ name: "drover_test_total", help: "Counts." }).inc();
        return { stop: async () => {} };
      },
    });
    try {
      expect(await get(`${service.healthAddress}/healthz`)).toMatchObject({ status: 200 });
      const waiting = await get(`${service.healthAddress}/readyz`);
      expect(waiting.status).toBe(503);
      expect(JSON.parse(waiting.text)).toMatchObject({
        status: "waiting",
        checks: [{ name: "bus", ready: false, since: expect.any(String), problem: "dialing amqp://u:***@h" }],
      });
      away = false;
      expect(await get(`${service.healthAddress}/readyz`)).toMatchObject({ status: 200 });
      expect((await get(`${service.healthAddress}/metrics`)).text).toContain('drover_test_total{service="test"} 2');
      expect(await get(`${service.healthAddress}/healthz`, { host: "evil.example.org" })).toMatchObject({
        status: 403,
      });
      expect(await get(`${service.healthAddress}/nothing`)).toMatchObject({ status: 404 });
    } finally {
      await service.stop();
    }
    // Somebody else may have been given the port by now.
    const answer = await get(`${service.healthAddress}/healthz`).catch(String);
    expect(JSON.stringify(answer)).not.toContain("drover");
  });

  it("stops the service first, then what it registered, the last first", async () => {
    const stopped: string[] = [];
    const service = await startService({
      ...quiet,
      start: async ({ onStop }) => {
        onStop("store", async () => void stopped.push("store"));
        onStop("bus", async () => {
          stopped.push("bus");
          throw new Error("a broken stop does not keep the others from theirs");
        });
        return { stop: async () => void stopped.push("service") };
      },
    });
    await Promise.all([service.stop(), service.stop()]);
    expect(stopped).toEqual(["service", "bus", "store"]);
  });

  it("does not miss what it closes itself at its stop", async () => {
    const warn = vi.fn();
    let closed = false;
    const { promise: mayStop, resolve: letStop } = Promise.withResolvers<void>();
    const service = await startService({
      ...quiet,
      logger: { ...silentLogger, warn },
      start: async ({ readiness }) => {
        readiness.add("bus", async () => {
          if (closed) throw new DroverError("unavailable", "the bus is closed");
        });
        return {
          stop: () => {
            closed = true;
            return mayStop;
          },
        };
      },
    });
    const stopped = service.stop();
    expect(await get(`${service.healthAddress}/readyz`)).toMatchObject({ status: 503 });
    letStop();
    await stopped;
    expect(warn).not.toHaveBeenCalled();
  });

  it("stops what stands when the start fails", async () => {
    const stopped: string[] = [];
    const starting = startService({
      ...quiet,
      start: async ({ onStop }) => {
        onStop("store", async () => void stopped.push("store"));
        throw new Error("no bus");
      },
    });
    await expect(starting).rejects.toThrow("no bus");
    expect(stopped).toEqual(["store"]);
  });
});

describe("runService", () => {
  const script = fileURLToPath(new URL("./start-service.test.process.ts", import.meta.url));

  it("stops in order on SIGTERM and exits with 0", async () => {
    const child = spawn(process.execPath, [script], { env: { DROVER_LOG_LEVEL: "info" } });
    const output: string[] = [];
    const { promise: started, resolve } = Promise.withResolvers<void>();
    child.stdout.on("data", (data: Buffer) => {
      output.push(data.toString());
      if (output.join("").includes("service started")) resolve();
    });
    await started;
    child.kill("SIGTERM");
    const [code] = await once(child, "close");
    expect(code).toBe(EXIT_CODES.stopped);
    expect(output.join("")).toContain("test service stopped");
  });

  it("exits with 78 and the key's name when the configuration is wrong", async () => {
    const child = spawn(process.execPath, [script], { env: { DROVER_LOG_LEVEL: "loud" } });
    const errors: string[] = [];
    child.stderr.on("data", (data: Buffer) => errors.push(data.toString()));
    const [code] = await once(child, "close");
    expect(code).toBe(EXIT_CODES.configuration);
    expect(errors.join("")).toContain("DROVER_LOG_LEVEL");
  });
});
