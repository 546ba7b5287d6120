-- Reads random published posts.
local common = require("common")

function init()
  common.seed()
end

function request()
  return wrk.format("GET", "/api/posts/" .. common.published())
end
