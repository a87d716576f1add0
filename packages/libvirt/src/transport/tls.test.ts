import { once } from "node:events";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LibvirtConnection } from "../connection.ts";
import { serveConnection } from "../server/serve-connection.ts";
import { type TestCertificates, testCertificates } from "../testing/test-certificates.ts";

describe("over TLS", () => {
  let certificates: TestCertificates;
  let strangers: TestCertificates;

  beforeAll(async () => {
    [certificates, strangers] = await Promise.all([testCertificates(), testCertificates()]);
  });
  afterAll(async () => {
    await certificates[Symbol.asyncDispose]();
    await strangers[Symbol.asyncDispose]();
  });

  async function serve(onSocket: (socket: tls.TLSSocket) => void) {
    const sockets = new Set<tls.TLSSocket>();
    const server = tls.createServer(
      {
        ca: certificates.caCertificate,
        cert: certificates.serverCertificate,
        key: certificates.serverKey,
        requestCert: true,
        rejectUnauthorized: true,
      },
      (socket) => {
        sockets.add(socket);
        socket.on("error", () => undefined);
        onSocket(socket);
      },
    );
    server.on("tlsClientError", () => undefined);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    return {
      uri: (pki: TestCertificates) => `qemu+tls://127.0.0.1:${port}/system?pkipath=${pki.folder}`,
      async [Symbol.asyncDispose]() {
        for (const socket of sockets) socket.destroy();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  }

  test("calls begin once libvirtd has confirmed our certificate with its byte", async () => {
    await using server = await serve((socket) => {
      serveConnection(socket, { connectGetHostname: () => ({ hostname: "host-1" }) }, { confirmTls: true });
    });
    await using connection = await LibvirtConnection.open(server.uri(certificates));
    expect(await connection.connect.getHostname()).toBe("host-1");
  });

  test("a certificate of another authority is refused, on either side", async () => {
    await using server = await serve((socket) => {
      serveConnection(socket, {}, { confirmTls: true });
    });
    // Their authority does not vouch for the server: we refuse it.
    await expect(LibvirtConnection.open(server.uri(strangers))).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("not in our cacert.pem"),
    });
  });

  test("a server that closes instead of confirming has refused our certificate", async () => {
    await using server = await serve((socket) => {
      socket.end();
    });
    await expect(LibvirtConnection.open(server.uri(certificates))).rejects.toMatchObject({ code: "refused" });
  });

  test("a server that confirms with anything else is not trusted", async () => {
    await using server = await serve((socket) => {
      socket.write(Uint8Array.of(0));
    });
    await expect(LibvirtConnection.open(server.uri(certificates))).rejects.toMatchObject({ code: "protocol" });
  });

  test("a server that never confirms ends in a deadline", async () => {
    await using server = await serve(() => undefined);
    await expect(LibvirtConnection.open(server.uri(certificates), { connectDeadlineMs: 300 })).rejects.toMatchObject({
      code: "deadline-exceeded",
    });
  });

  test("missing certificates are named, with where they belong", async () => {
    await expect(LibvirtConnection.open("qemu+tls://127.0.0.1:1/system?pkipath=/nonexistent")).rejects.toMatchObject({
      code: "bad-request",
      message: expect.stringContaining("pkipath"),
    });
  });
});
