-- Publishes drafts, each thread its own, and when all are published makes them drafts again, and so on: every request
-- changes a row. Seeded posts with an odd id are drafts; the warm-up takes the first fifth of them.
local common = require("common")
local ids, at, action = {}, 0, "publish"

function init()
  local drafts = common.newest / 2
  local first, last = drafts / 5, drafts - 1
  if common.mark == "warm-up" then
    first, last = 0, drafts / 5 - 1
  end
  for draft = first, last do
    if draft % threads == number then
      ids[#ids + 1] = 2 * draft + 1
    end
  end
end

function request()
  at = at + 1
  if at > #ids then
    -- The first request is left out from now on: wrk makes it twice, to look at it and to send it.
    at, action = 2, action == "publish" and "unpublish" or "publish"
  end
  return wrk.format("POST", "/api/posts/" .. ids[at] .. "/" .. action, common.key, "")
end
