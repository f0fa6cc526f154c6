-- Take ARGV[1] off the copy of a balance in KEYS[1], all or nothing, and add it to the tally in KEYS[2], a hash of
-- epoch, granted and version. A copy without a tally is worth nothing: nobody would know what was granted from it.
-- With ARGV[2..6] (epoch, version, balance, written, milliseconds) the copy is made first if there is none: the balance
-- less what was granted in this epoch and is not written yet. Refused when epoch or version are no longer those, because
-- then the balance may have been read too early.
-- Answers {value as text, existed, taken, epoch, granted}. DECRBY and INCRBY do the sums: Lua's numbers end at 2^53.
local tally = redis.call('HMGET', KEYS[2], 'epoch', 'granted', 'version')
local epoch, granted, version = tally[1], tally[2], tally[3]
local held = redis.call('GET', KEYS[1])
if held and not epoch then
  redis.call('DEL', KEYS[1])
  held = false
end
if not held and ARGV[2] and epoch == ARGV[2] and version == ARGV[3] then
  local written = ARGV[5]
  if tonumber(written) > tonumber(granted) then
    granted = written
    redis.call('HSET', KEYS[2], 'granted', granted)
  end
  redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[6])
  redis.call('DECRBY', KEYS[1], granted)
  if redis.call('INCRBY', KEYS[1], written) < 0 then
    redis.call('SET', KEYS[1], 0, 'PX', ARGV[6])
  end
  held = redis.call('GET', KEYS[1])
end
if not held then
  return {'0', 0, 0, '0', '0'}
end
if tonumber(held) < tonumber(ARGV[1]) then
  return {held, 1, 0, epoch, granted}
end
if ARGV[1] ~= '0' then
  redis.call('HINCRBY', KEYS[2], 'granted', ARGV[1])
  redis.call('DECRBY', KEYS[1], ARGV[1])
  held = redis.call('GET', KEYS[1])
  granted = redis.call('HGET', KEYS[2], 'granted')
end
return {held, 1, 1, epoch, granted}
