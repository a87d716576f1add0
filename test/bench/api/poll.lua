-- For wrk: each request polls the next of the paths in the file that POLL_PATHS names; at the end, one line of JSON.
local paths = {}
for path in io.lines(os.getenv("POLL_PATHS")) do paths[#paths + 1] = path end
local headers = { ["X-Auth-Token"] = os.getenv("POLL_TOKEN"), ["OpenStack-API-Version"] = "compute 2.80" }
local at = 0

request = function()
  at = at % #paths + 1
  return wrk.format("GET", paths[at], headers)
end

done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%f,"p50Ms":%f,"p99Ms":%f,"failed":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
