-- Give a key its tally in KEYS[1] if it has none, with ARGV[1] as its epoch, and let it live for ARGV[2] milliseconds
-- from now. Answers {epoch, granted, version} of the tally there is then.
if redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1]) == 1 then
  redis.call('HSET', KEYS[1], 'granted', 0, 'version', 0)
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('HMGET', KEYS[1], 'epoch', 'granted', 'version')
