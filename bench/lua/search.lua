-- Sends random queries from BENCH_QUERIES, a comma-separated list of URL-encoded queries.
local common = require("common")
local requests = {}

function init()
  common.seed()
  for query in os.getenv("BENCH_QUERIES"):gmatch("[^,]+") do
    requests[#requests + 1] = wrk.format("GET", "/api/posts?q=" .. query)
  end
end

function request()
  return requests[math.random(#requests)]
end
