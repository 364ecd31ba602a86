-- Writes an account whole.
-- KEYS[1] account   ARGV create ("c"), replace ("r") or either ("e"), then the fields and values of the hash
-- Gives 1, or 0 when it exists already (create) or does not (replace).
local exists = redis.call('EXISTS', KEYS[1])
if (exists == 1 and ARGV[1] == 'c') or (exists == 0 and ARGV[1] == 'r') then
    return 0
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1
