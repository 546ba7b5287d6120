-- What every script shares: the ids that a thread may take, and the report. Settings come as environment variables,
-- because each of wrk's threads has a Lua state of its own.

local common = {}

common.newest = tonumber(os.getenv("BENCH_POSTS"))
common.key = { ["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY") }
common.json = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY") }
-- Warm-up and measurement write different rows: each has a mark of its own.
common.mark = os.getenv("BENCH_MARK")

local threads = 0

-- Called once per thread, before it starts.
function setup(thread)
  thread:set("number", threads)
  thread:set("threads", tonumber(os.getenv("BENCH_THREADS")))
  threads = threads + 1
end

function common.seed()
  math.randomseed(tonumber(os.getenv("BENCH_SEED")) * 64 + number)
end

-- A published post: those with an even id are.
function common.published()
  return 2 * math.random(1, common.newest / 2)
end

-- 500 characters, as the seeded posts have.
common.content = string.rep("words of a new post, ", 24):sub(1, 500)

-- One line of JSON at the end. wrk counts answers from 400 on as errors of status.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"bytes":%d,"p50":%d,"p99":%d,"status":%d,"socket":%d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end

return common
