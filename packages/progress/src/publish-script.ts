import type { Cluster, Redis, Result } from "ioredis";

declare module "ioredis" {
  interface RedisCommander<Context> {
    publishProgress(numberOfKeys: number, ...keysThenArguments: string[]): Result<readonly number[], Context>;
  }
}

/**
 * Writes one host's publication, tells it on the host's channel, and adds to histories, in one round trip. A history that is full
 * loses every second point, the first never. Expiry is put off with every publication: what is left of it tells readers
 * how old that is. Answers with how many points each of the histories has.
 *
 * KEYS: the host's snapshots; then a history for each part.
 * ARGV: feed, publication, its expiry in ms, points of a full history; then for each part its expiry in ms, how many points, and these.
 */
const lua = `
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('PUBLISH', ARGV[1], ARGV[2])
local full, at, lengths = tonumber(ARGV[4]), 5, {}
for n = 2, #KEYS do
  local history, count = KEYS[n], tonumber(ARGV[at + 1])
  local length = redis.call('RPUSH', history, unpack(ARGV, at + 2, at + 1 + count))
  if length >= full then
    local points, kept = redis.call('LRANGE', history, 0, -1), {}
    for p = 1, length, 2 do kept[#kept + 1] = points[p] end
    redis.call('DEL', history)
    length = redis.call('RPUSH', history, unpack(kept))
  end
  redis.call('PEXPIRE', history, ARGV[at])
  lengths[#lengths + 1] = length
  at = at + 2 + count
end
return lengths
`;

export function definePublishScript(client: Redis | Cluster): void {
  client.defineCommand("publishProgress", { lua });
}
