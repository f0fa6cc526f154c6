-- Sends the lines of a file as bodies, in turn. Arguments: the file, then header lines.
dofile(debug.getinfo(1, "S").source:sub(2):match("(.*/)") .. "fixed.lua")

local prepared = {}
local sent = 0

function init(args)
  wrk.method = "POST"
  for index = 2, #args do
    local name, value = args[index]:match("^([^:]+): (.*)$")
    wrk.headers[name] = value
  end
  for line in io.lines(args[1]) do
    prepared[#prepared + 1] = wrk.format(nil, nil, nil, line)
  end
end

function request()
  sent = sent + 1
  return prepared[(sent - 1) % #prepared + 1]
end
