-- Take ARGV[1] off KEYS[1] if the key exists and holds at least that much. Never goes below zero, never creates the key,
-- leaves its time to live alone. Answers {value as text, existed, taken}; a refusal carries the unchanged value.
local held = redis.call('GET', KEYS[1])
if not held then
  return {'0', 0, 0}
end
if tonumber(held) < tonumber(ARGV[1]) then
  return {held, 1, 0}
end
redis.call('DECRBY', KEYS[1], ARGV[1])
return {redis.call('GET', KEYS[1]), 1, 1}
