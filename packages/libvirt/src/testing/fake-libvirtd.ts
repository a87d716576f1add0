import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { LibvirtHandlers, ServerOptions } from "../server/libvirt-handlers.ts";
import { serveConnection } from "../server/serve-connection.ts";
import type { LibvirtServerSession } from "../server/server-session.ts";

/** A libvirtd of our own on a unix socket, for this package's tests. */
export interface FakeLibvirtd extends AsyncDisposable {
  readonly uri: string;
  /** One for each connection so far, in order. */
  readonly sessions: readonly LibvirtServerSession[];
}

/** Serves `handlers` on a socket in a temporary folder, until disposed of. */
export async function fakeLibvirtd(handlers: LibvirtHandlers, options: ServerOptions = {}): Promise<FakeLibvirtd> {
  const sessions: LibvirtServerSession[] = [];
  const server = await listen((socket) => {
    sessions.push(serveConnection(socket, handlers, options));
  });
  return { ...server, sessions };
}

/** A socket server whose connections a script drives byte by byte. */
export async function listen(onSocket: (socket: net.Socket) => void): Promise<AsyncDisposable & { uri: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), "drover-libvirt-"));
  const socketPath = path.join(folder, "libvirt-sock");
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    uri: `qemu+unix:///system?socket=${socketPath}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The error that a promise rejects with; fails if it resolves. */
export async function rejectionOf(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof Error)) throw new Error(`expected a rejection with an Error, got ${String(outcome)}`);
  return outcome;
}
