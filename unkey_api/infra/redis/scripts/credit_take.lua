-- Take ARGV[1] off the copy of a balance in KEYS[1], all or nothing, and add it to the tally in KEYS[2], a hash of
-- epoch, granted and version. Nothing is done after ARGV[2], in milliseconds of this server's clock, because whoever asked
-- has gone elsewhere by then; 0 is never. A copy without a tally is worth nothing: nobody would know what was granted from it.
-- With ARGV[3..7] (epoch, version, balance, written, milliseconds) the copy is made first if there is none: the balance
-- less what was granted in this epoch and is not written yet. Refused when epoch or version are no longer those, because
-- then the balance may have been read too early.
-- Answers {clock, 0 when it was too late, value as text, existed, taken, epoch, granted}. DECRBY and INCRBY do the sums: Lua's numbers end at 2^53.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if ARGV[2] ~= '0' and now > tonumber(ARGV[2]) then
  return {now, 0, '0', 0, 0, '0', '0'}
end
local tally = redis.call('HMGET', KEYS[2], 'epoch', 'granted', 'version')
local epoch, granted, version = tally[1], tally[2], tally[3]
local held = redis.call('GET', KEYS[1])
if held and not epoch then
  redis.call('DEL', KEYS[1])
  held = false
end
if not held and ARGV[3] and epoch == ARGV[3] and version == ARGV[4] then
  local written = ARGV[6]
  if tonumber(written) > tonumber(granted) then
    granted = written
    redis.call('HSET', KEYS[2], 'granted', granted)
  end
  redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[7])
  redis.call('DECRBY', KEYS[1], granted)
  if redis.call('INCRBY', KEYS[1], written) < 0 then
    redis.call('SET', KEYS[1], 0, 'PX', ARGV[7])
  end
  held = redis.call('GET', KEYS[1])
end
if not held then
  return {now, 1, '0', 0, 0, '0', '0'}
end
if tonumber(held) < tonumber(ARGV[1]) then
  return {now, 1, held, 1, 0, epoch, granted}
end
if ARGV[1] ~= '0' then
  redis.call('HINCRBY', KEYS[2], 'granted', ARGV[1])
  redis.call('DECRBY', KEYS[1], ARGV[1])
  held = redis.call('GET', KEYS[1])
  granted = redis.call('HGET', KEYS[2], 'granted')
end
return {now, 1, held, 1, 1, epoch, granted}
