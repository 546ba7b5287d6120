-- Shared by all scripts: settings, helpers, and the report. Settings are environment variables, because each wrk thread
-- has its own Lua state.

local common = {}

common.newest = tonumber(os.getenv("BENCH_POSTS"))
common.key = { ["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY") }
common.json = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY") }
-- Part of the titles that a run writes. Warm-up and measurement have different marks, so that each write changes a row.
common.mark = os.getenv("BENCH_MARK")

local threads = 0

-- wrk calls this once per thread, before the thread starts.
function setup(thread)
  thread:set("number", threads)
  thread:set("threads", tonumber(os.getenv("BENCH_THREADS")))
  threads = threads + 1
end

function common.seed()
  math.randomseed(tonumber(os.getenv("BENCH_SEED")) * 64 + number)
end

-- Returns the id of a random published post. Seeded posts with an even id are published.
function common.published()
  return 2 * math.random(1, common.newest / 2)
end

-- 500 characters, like the content of the seeded posts.
common.content = string.rep("words of a new post, ", 24):sub(1, 500)

-- wrk calls this at the end. Prints the report as one line of JSON. wrk counts responses from 400 as status errors.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"bytes":%d,"p50":%d,"p99":%d,"status":%d,"socket":%d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end

return common
