-- Creates drafts with unique titles.
local common = require("common")
local count = 0

function init()
  common.seed()
end

function request()
  count = count + 1
  local title = string.format("A new post %s %d %d %d", common.mark, number, count, math.random(1000000))
  local body = string.format('{"title":"%s","content":"%s"}', title, common.content)
  return wrk.format("POST", "/api/posts", common.json, body)
end
