-- Presence of somebody for this account: shown to its available resources, and the answer to a probe.
-- KEYS[1] sessions, [2] presence, [3] roster, [4] blocked
-- ARGV channel, what to do (s show, p probe, l list whoever asks), bare, full, domain of who comes, event without its first
--      brace, only presences of this time or later, gone ones too ("" all that are available)
-- Gives {shown to how many, last presence ...}, with -1 as first when the account's presence is not the asker's to see
-- (RFC 6121 4.3.2), and -2 when the account has blocked it, and nothing is said.
-- part: rows
-- part: items
local flags = redis.call('HGET', KEYS[1], '') or ''
if string.find(flags, 'b', 1, true) and ARGV[3] ~= '' then
    for i = 3, 5 do
        if redis.call('SISMEMBER', KEYS[4], ARGV[i]) == 1 then
            return { -2 }
        end
    end
end
local answer = { 0 }
if string.find(ARGV[2], 's', 1, true) then
    answer[1] = publish(KEYS[1], ARGV[1], is_available, ARGV[6])
end
local may_see = string.find(ARGV[2], 'l', 1, true)
if string.find(ARGV[2], 'p', 1, true) then
    may_see = bits_of(read_item(KEYS[3], ARGV[3])) % 4 >= 2
    if not may_see then
        answer[1] = -1
    end
end
if not may_see then
    return answer
end
if ARGV[7] == '' then
    for _, last in ipairs(available(KEYS[1], KEYS[2])) do
        answer[#answer + 1] = last
    end
    return answer
end
local all = redis.call('HVALS', KEYS[2])
for i = 1, #all do
    if (string.match(all[i], '"time":"([^"]*)"') or '') >= ARGV[7] then
        answer[#answer + 1] = string.sub(all[i], 2)
    end
end
return answer
