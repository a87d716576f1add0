import type net from "node:net";

/** Resolves at `event`; destroys the socket if that does not come. */
export async function connected<S extends net.Socket>(
  socket: S,
  event: "connect" | "secureConnect",
  stop: AbortSignal,
): Promise<S> {
  const ready = Promise.withResolvers<S>();
  const onReady = () => ready.resolve(socket);
  const onStop = () => ready.reject(stop.reason);
  socket.once(event, onReady);
  socket.once("error", ready.reject);
  stop.addEventListener("abort", onStop, { once: true });
  try {
    return await ready.promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    socket.off(event, onReady);
    socket.off("error", ready.reject);
    stop.removeEventListener("abort", onStop);
  }
}
