-- 95 % anonymous reads: the list, one post, and the summaries in equal parts. 5 % writes: each changes the title of a
-- published post.
local common = require("common")
local list, summaries, count = nil, nil, 0

function init()
  common.seed()
  list = wrk.format("GET", "/api/posts")
  summaries = wrk.format("GET", "/api/posts?view=summary")
end

function request()
  local die = math.random(300)
  if die <= 15 then
    count = count + 1
    local body = string.format('{"title":"A new title %s %d %d"}', common.mark, number, count)
    return wrk.format("PATCH", "/api/posts/" .. common.published(), common.json, body)
  elseif die <= 110 then
    return list
  elseif die <= 205 then
    return summaries
  end
  return wrk.format("GET", "/api/posts/" .. common.published())
end
