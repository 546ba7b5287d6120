-- Creates drafts with unique titles. With BENCH_TAGS, a comma-separated list, each draft has three different tags of
-- it.
local common = require("common")
local count, tags = 0, {}

function init()
  common.seed()
  for tag in (os.getenv("BENCH_TAGS") or ""):gmatch("[^,]+") do
    tags[#tags + 1] = tag
  end
end

local function three_tags()
  local chosen = {}
  while #chosen < 3 do
    local tag = tags[math.random(#tags)]
    if tag ~= chosen[1] and tag ~= chosen[2] then
      chosen[#chosen + 1] = tag
    end
  end
  return string.format(',"tags":["%s","%s","%s"]', chosen[1], chosen[2], chosen[3])
end

function request()
  count = count + 1
  local title = string.format("A new post %s %d %d %d", common.mark, number, count, math.random(1000000))
  local fields = #tags > 0 and three_tags() or ""
  local body = string.format('{"title":"%s","content":"%s"%s}', title, common.content, fields)
  return wrk.format("POST", "/api/posts", common.json, body)
end
