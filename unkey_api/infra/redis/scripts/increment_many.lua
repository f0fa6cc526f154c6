-- Add ARGV[2i-1] to KEYS[i]; a key that is new gets a time to live of ARGV[2i] seconds in the same step, so none is left
-- behind without one. Answers the new values in order, false for a key that cannot be incremented; the others still are.
-- Trouble of the server, such as being out of memory, is the answer as a whole.
-- Values beyond 2^53 do not survive Lua's numbers and are read back as text.
local answers = {}
for i, key in ipairs(KEYS) do
  local cost = ARGV[2 * i - 1]
  local value = redis.pcall('INCRBY', key, cost)
  if type(value) == 'table' then
    if string.find(value.err, 'overflow', 1, true) == nil and string.find(value.err, 'integer', 1, true) == nil
      and string.find(value.err, 'WRONGTYPE', 1, true) == nil then
      return value
    end
    answers[i] = false
  else
    if value == tonumber(cost) then
      redis.call('EXPIRE', key, ARGV[2 * i])
    end
    if value >= 9007199254740992 then
      value = redis.call('GET', key)
    end
    answers[i] = value
  end
end
return answers
