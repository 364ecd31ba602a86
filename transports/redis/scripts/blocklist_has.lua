-- Is somebody blocked by this account?
-- KEYS[1] sessions   ARGV address, bare, domain (XEP-0191 5: the same with a resource, an account, a domain)   Gives 1 or 0.
local flags = redis.call('HGET', KEYS[1], '')
if not flags or not string.find(flags, 'b', 1, true) then
    return 0
end
local list = string.gsub(KEYS[1], 'sessions$', 'blocked')
for i = 1, 3 do
    if redis.call('SISMEMBER', list, ARGV[i]) == 1 then
        return 1
    end
end
return 0
