-- Removes a contact, and a request of its that waits, and pushes the removal.
-- KEYS[1] roster, [2] sessions, [3] requests, [4] presence
-- ARGV channel, head of the push, contact, removed ones kept
-- Gives {1, state before, last presence of each available resource ...}, or {0} when there is no such item.
-- part: rows
-- part: items
local letters = read_item(KEYS[1], ARGV[3])
if not letters then
    return { 0 }
end
local answer = { 1, bits_of(letters) + 8 * redis.call('HDEL', KEYS[3], ARGV[3]) }
redis.call('HDEL', string.sub(KEYS[1], 1, -7) .. 'pep:abroad', ARGV[3])
write_item(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3], 'x--', '', tonumber(ARGV[4]))
for _, last in ipairs(available(KEYS[2], KEYS[4])) do
    answer[#answer + 1] = last
end
return answer
