-- Repeats a GET of wrk's URL, with BENCH_ETAG as If-None-Match if it is set.
require("common")

if os.getenv("BENCH_ETAG") then
  wrk.headers["If-None-Match"] = os.getenv("BENCH_ETAG")
end
