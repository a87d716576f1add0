import type { Cluster, Redis, Result } from "ioredis";

declare module "ioredis" {
  interface RedisCommander<Context> {
    publishProgress(numberOfKeys: number, ...keysThenArguments: string[]): Result<number, Context>;
  }
}

/**
 * Takes one host's snapshots in one round trip; what is not newer than what is there is dropped. A script runs alone in
 * Redis, so comparing and writing cannot be parted by another writer.
 *
 * When a point is due its text goes to the history; a history that is full loses every second point, the first never, and
 * its points are twice as far apart from then on. What is due is told by Redis's clock, which may jump after a failover:
 * a time further away than the points are apart is none. Expiry is put off with every snapshot: what is left of it tells readers
 * how old that is.
 *
 * KEYS: snapshot key and history key for each migration.
 * ARGV: feed, expiry in ms, points of a full history, ms between the first points; then sequence, snapshot and point for
 * each migration.
 */
const lua = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expiry, full, first = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local accepted = {}
for n = 1, #KEYS / 2 do
  local key, history = KEYS[2 * n - 1], KEYS[2 * n]
  local sequence, snapshot, point = ARGV[3 * n + 2], ARGV[3 * n + 3], ARGV[3 * n + 4]
  local present = redis.call('HMGET', key, 'sequence', 'nextPointAtMs', 'pointEveryMs')
  if not present[1] or tonumber(sequence) > tonumber(present[1]) then
    local due, every = tonumber(present[2] or 0), tonumber(present[3] or first)
    if now >= due or due - now > every then
      local length = redis.call('RPUSH', history, point)
      due = due + every
      if length >= full then
        local points, kept = redis.call('LRANGE', history, 0, -1), {}
        for p = 1, length, 2 do kept[#kept + 1] = points[p] end
        redis.call('DEL', history)
        redis.call('RPUSH', history, unpack(kept))
        every = every * 2
      end
      if due <= now or due - now > every then due = now + every end
      redis.call('PEXPIRE', history, expiry + every)
      redis.call('HSET', key, 'sequence', sequence, 'snapshot', snapshot, 'nextPointAtMs', due, 'pointEveryMs', every)
    else
      redis.call('HSET', key, 'sequence', sequence, 'snapshot', snapshot)
    end
    redis.call('PEXPIRE', key, expiry)
    accepted[#accepted + 1] = snapshot
  end
end
if #accepted > 0 then redis.call('PUBLISH', ARGV[1], '[' .. table.concat(accepted, ',') .. ']') end
return #accepted
`;

export function definePublishScript(client: Redis | Cluster): void {
  client.defineCommand("publishProgress", { lua });
}
