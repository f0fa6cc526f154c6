-- Drop the copy in KEYS[1]. Whoever has read the balance before this moment must not make a copy of it: the version of
-- the tally in KEYS[2] goes up. What was granted stays known.
redis.call('DEL', KEYS[1])
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HINCRBY', KEYS[2], 'version', 1)
end
return {1}
