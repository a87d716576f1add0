import { Agent, get } from "node:http";

/** When something happened, from the event that tells of it: what a change says, or when its agent observed the numbers. */
const OF_CHANGE = /"message":"at (\d+)"/g;
const OF_PROGRESS = /"observedAtMs":(\d+)/g;

export interface Subscribers {
  /** From when it happened to when a subscriber had read it, ms; those since the last call. */
  takeDelays(): number[];
  /** Streams that have ended, which they should not. */
  readonly ended: () => number;
  close(): void;
}

/** Opens event streams, so many at a time; resolves when all have been answered. */
export async function subscribe(url: string, token: string, paths: readonly string[]): Promise<Subscribers> {
  const agent = new Agent({ keepAlive: false });
  let delays: number[] = [];
  let ended = 0;
  const close: (() => void)[] = [];
  const open = (path: string) =>
    new Promise<void>((resolve, reject) => {
      const request = get(`${url}${path}`, { agent, headers: { "x-auth-token": token } }, (response) => {
        if (response.statusCode !== 200) return reject(new Error(`${path} was answered ${response.statusCode}`));
        response.setEncoding("latin1");
        response.on("data", (text: string) => {
          const nowMs = Date.now();
          for (const pattern of [OF_CHANGE, OF_PROGRESS]) {
            for (const [, at] of text.matchAll(pattern)) delays.push(nowMs - Number(at));
          }
        });
        response.once("close", () => {
          ended += 1;
        });
        resolve();
      });
      request.once("error", reject);
      close.push(() => request.destroy());
    });
  for (let from = 0; from < paths.length; from += 50) await Promise.all(paths.slice(from, from + 50).map(open));
  return {
    takeDelays: () => {
      const taken = delays;
      delays = [];
      return taken;
    },
    ended: () => ended,
    close: () => {
      for (const end of close) end();
    },
  };
}
