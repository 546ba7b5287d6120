-- Each thread publishes its own drafts, then unpublishes all of them, and repeats, so that every request changes a row.
-- Seeded posts with an odd id are drafts, and every second draft has tags: those with BENCH_TAGS, the others without
-- it. The warm-up uses the first fifth of them, the measurement the rest.
local common = require("common")
local ids, at, action = {}, 0, "publish"

function init()
  local drafts = math.floor(common.newest / 4)
  local offset = os.getenv("BENCH_TAGS") and 3 or 1
  local first, last = math.floor(drafts / 5), drafts - 1
  if common.mark == "warm-up" then
    first, last = 0, math.floor(drafts / 5) - 1
  end
  for draft = first, last do
    if draft % threads == number then
      ids[#ids + 1] = 4 * draft + offset
    end
  end
end

function request()
  at = at + 1
  if at > #ids then
    -- Skip the first id from now on. wrk calls request() once at the start to inspect the request, without sending it.
    at, action = 2, action == "publish" and "unpublish" or "publish"
  end
  return wrk.format("POST", "/api/posts/" .. ids[at] .. "/" .. action, common.key, "")
end
