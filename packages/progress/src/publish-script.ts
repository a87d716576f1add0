import type { Redis, Result } from "ioredis";

declare module "ioredis" {
  interface RedisCommander<Context> {
    publishProgress(numberOfKeys: number, ...keysThenArguments: string[]): Result<number, Context>;
  }
}

/**
 * Takes one host's snapshots in one round trip; what is not newer than what is there is dropped. A script runs alone in
 * Redis, so comparing and writing cannot be parted by another writer. Expiry is put off with every twentieth snapshot: each call is
 * a part of what a fleet costs.
 *
 * KEYS: clock, changes, then one snapshot key for each migration.
 * ARGV: feed, a name for a new epoch, expiry in ms, host, then uuid, sequence and snapshot for each migration.
 */
const lua = `
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[2])
local accepted, changed = {}, {}
for n = 1, #KEYS - 2 do
  local key = KEYS[n + 2]
  local uuid, sequence, snapshot = ARGV[3 * n + 2], ARGV[3 * n + 3], ARGV[3 * n + 4]
  local present = redis.call('HGET', key, 'sequence')
  if not present or tonumber(sequence) > tonumber(present) then
    redis.call('HSET', key, 'host', ARGV[4], 'sequence', sequence, 'snapshot', snapshot)
    if not present or sequence % 20 == 0 then redis.call('PEXPIRE', key, ARGV[3]) end
    accepted[#accepted + 1] = snapshot
    changed[2 * #accepted] = uuid
  end
end
if #accepted > 0 then
  local count = redis.call('HINCRBY', KEYS[1], 'changes', #accepted)
  for n = 1, #accepted do changed[2 * n - 1] = count - #accepted + n end
  redis.call('ZADD', KEYS[2], unpack(changed))
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
  redis.call('PUBLISH', ARGV[1], '[' .. table.concat(accepted, ',') .. ']')
end
return #accepted
`;

export function definePublishScript(client: Redis): void {
  client.defineCommand("publishProgress", { lua });
}
