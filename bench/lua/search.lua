-- Sends random queries from BENCH_QUERIES, a comma-separated list of URL-encoded queries. The URL of wrk may have other
-- parameters.
local common = require("common")
local requests = {}

function init()
  common.seed()
  local path = wrk.path .. (wrk.path:find("?", 1, true) and "&" or "?")
  for query in os.getenv("BENCH_QUERIES"):gmatch("[^,]+") do
    requests[#requests + 1] = wrk.format("GET", path .. "q=" .. query)
  end
end

function request()
  return requests[math.random(#requests)]
end
