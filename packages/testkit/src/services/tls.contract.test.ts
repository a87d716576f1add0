import { existsSync, readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askServer, clientTls } from "./ask-server.ts";
import { type Certificates, createCertificates } from "./create-certificates.ts";
import { type Nats, startNats } from "./start-nats.ts";
import { type RabbitMq, startRabbitMq } from "./start-rabbitmq.ts";

let certificates: Certificates;
let strangers: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
  strangers = await createCertificates();
});
afterAll(async () => {
  await certificates.remove();
  await strangers.remove();
  expect(existsSync(certificates.folder)).toBe(false);
});

const ofStrangers = (): ConnectionOptions => ({ ...clientTls(strangers), ca: readFileSync(certificates.caFile) });
const anonymous = (): ConnectionOptions => ({ ca: readFileSync(certificates.caFile) });

describe("RabbitMQ with TLS", () => {
  let rabbit: RabbitMq;
  beforeAll(async () => {
    rabbit = await startRabbitMq({ tls: certificates, verifyClients: true });
  });
  afterAll(() => rabbit.remove());
  const HEADER = Buffer.from("AMQP\x00\x00\x09\x01", "latin1");
  const ask = (tls?: ConnectionOptions) => askServer("localhost", rabbit.port, HEADER, { tls });

  test("answers its clients", async () => {
    expect(new URL(rabbit.url).protocol).toBe("amqps:");
    expect((await ask(clientTls(certificates))).toString("latin1")).toContain("RabbitMQ");
  });
  test("speaks nothing but TLS", async () => {
    const alert = 21;
    expect((await ask())[0]).toBe(alert);
  });
  test("refuses clients without certificate", () => expect(ask(anonymous())).rejects.toThrow(/hung up|refused/));
  test("refuses clients of another authority", () => expect(ask(ofStrangers())).rejects.toThrow(/hung up|refused/));
  test("is not trusted by clients of another authority", () =>
    expect(ask(clientTls(strangers))).rejects.toMatchObject({ cause: { code: "SELF_SIGNED_CERT_IN_CHAIN" } }));
});

describe.each([true, false])("NATS with TLS that verifies clients: %s", (verifyClients) => {
  let nats: Nats;
  beforeAll(async () => {
    nats = await startNats({ tls: certificates, verifyClients });
  });
  afterAll(() => nats.remove());
  const ask = (tls: ConnectionOptions | undefined) => {
    const hello = `CONNECT ${JSON.stringify({ verbose: false, user: nats.user, pass: nats.password })}\r\nPING\r\n`;
    const isComplete = (said: Buffer) => said.includes("PONG");
    return askServer("localhost", nats.port, hello, { isComplete, tls, tlsAfterInfo: true });
  };

  test("answers its clients", async () => {
    expect(new URL(nats.url).protocol).toBe("tls:");
    expect((await ask(clientTls(certificates))).toString()).toContain("PONG");
  });
  test("speaks nothing but TLS", () => expect(ask(undefined)).rejects.toThrow(/hung up|refused/));
  test(`${verifyClients ? "refuses" : "takes"} clients without certificate`, async () => {
    const answer = ask(anonymous()).then(String);
    if (verifyClients) await expect(answer).rejects.toThrow(/hung up|refused/);
    else expect(await answer).toContain("PONG");
  });
});
