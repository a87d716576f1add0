import { randomBytes } from "node:crypto";
import { freePort } from "../process/free-port.ts";
import { TestkitError } from "../testkit-error.ts";
import { waitFor } from "../wait-for.ts";
import { askServer } from "./ask-server.ts";
import type { RealService } from "./real-service.ts";
import { startRedis } from "./start-redis.ts";

const SLOTS = 16_384;

export interface RedisCluster extends AsyncDisposable {
  /** Of all nodes, separated by commas. */
  readonly url: string;
  /** Each has a third of the slots, in order. */
  readonly nodes: readonly RealService[];
  /** Removes all of them. May be called again. */
  remove(): Promise<void>;
}

/**
 * Starts a Redis Cluster (Redis 7) of three masters without replicas, with one password. A node that is gone for longer than a
 * second is known to be; the others go on with the slots that they have.
 *
 * @throws {TestkitError} with the end of a log, or with what the nodes say of the cluster.
 */
export async function startRedisCluster(): Promise<RedisCluster> {
  const password = randomBytes(12).toString("hex");
  const started = await Promise.allSettled([0, 1, 2].map(() => startNode(password)));
  const members = started.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  const remove = async () => {
    await Promise.all(members.map(({ node }) => node.remove()));
  };
  try {
    for (const start of started) if (start.status === "rejected") throw start.reason;
    await join(members, password);
  } catch (error) {
    await remove();
    throw error;
  }
  const nodes = members.map(({ node }) => node);
  return { url: nodes.map(({ url }) => url).join(","), nodes, remove, [Symbol.asyncDispose]: remove };
}

interface Member {
  readonly node: RealService;
  readonly busPort: number;
}

async function startNode(password: string): Promise<Member> {
  // Redis's own choice is ten thousand above the other port, which may be none.
  const busPort = await freePort();
  const settings = {
    "cluster-enabled": "yes",
    "cluster-port": String(busPort),
    "cluster-node-timeout": "1000",
    "cluster-require-full-coverage": "no",
  };
  return { node: await startRedis({ password, settings }), busPort };
}

/** What `redis-cli --cluster create` does, without its waits. */
async function join(members: readonly Member[], password: string): Promise<void> {
  const say = async ({ node }: Member, command: string) => {
    const answer = await askServer(node.address, node.port, `AUTH ${password}\r\n${command}\r\n`, {
      isComplete: (bytes) => bytes.toString().trimEnd().split("\r\n").length > 1,
    });
    const said = answer.toString().replace(/^\+OK\r\n/, "");
    if (said.startsWith("-")) throw new TestkitError(`${command}: Redis answered ${said.trim()}`);
    return said;
  };
  const [first, ...others] = members;
  if (first === undefined) return;
  for (const [at, member] of members.entries()) {
    const [from, to] = [at, at + 1].map((n) => Math.floor((n * SLOTS) / members.length));
    await say(member, `CLUSTER SET-CONFIG-EPOCH ${at + 1}`);
    await say(member, `CLUSTER ADDSLOTSRANGE ${from} ${(to ?? SLOTS) - 1}`);
  }
  for (const { node, busPort } of others) await say(first, `CLUSTER MEET ${node.address} ${node.port} ${busPort}`);
  await waitFor("the nodes of the cluster to know each other", async () => {
    const infos = await Promise.all(members.map((member) => say(member, "CLUSTER INFO")));
    const wanted = ["cluster_state:ok", `cluster_slots_ok:${SLOTS}`, `cluster_known_nodes:${members.length}`];
    return infos.every((info) => wanted.every((line) => info.includes(line)));
  });
}
