-- Follows the change feed from its beginning, one page after the other, and begins again at its end.
require("common")
local first, path

function init()
  first, path = wrk.path, wrk.path
end

function request()
  return wrk.format("GET", path)
end

function response(status, headers, body)
  -- The cursor is at the end of the body, so that the pattern need not be searched for in the posts.
  local cursor, has_more = body:sub(-1000):match('"cursor":"([%w_-]+)","has_more":(%a+)}$')
  path = has_more == "true" and first .. "&cursor=" .. cursor or first
end
