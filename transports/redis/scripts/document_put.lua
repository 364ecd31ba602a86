-- Writes one document of an account, within its bounds.
-- KEYS[1] account   ARGV name, field, value, most fields, most bytes of all fields and their names together
-- Gives 1, or 0 no such account, -1 too many fields, -2 too many bytes.
if redis.call('EXISTS', KEYS[1]) == 0 then
    return 0
end
local key = string.gsub(KEYS[1], 'account$', '') .. ARGV[1]
local fields = redis.call('HKEYS', key)
local count, bytes = 1, #ARGV[2] + #ARGV[3]
for i = 1, #fields do
    if fields[i] ~= ARGV[2] then
        count, bytes = count + 1, bytes + #fields[i] + redis.call('HSTRLEN', key, fields[i])
    end
end
if count > tonumber(ARGV[4]) then
    return -1
end
if bytes > tonumber(ARGV[5]) then
    return -2
end
redis.call('HSET', key, ARGV[2], ARGV[3])
return 1
