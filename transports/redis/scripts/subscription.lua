-- Takes one step of a subscription, by the table that the asker brings (subscription_state.h).
-- KEYS[1] roster, [2] sessions, [3] requests, [4] presence, [5] account, [6] blocked
-- ARGV table, contact, side (i inbound, o outbound), channel, head of the push, the stanza's event without its first brace,
--      s when the stanza is subscribe, most items, most requests, removed ones kept
-- Gives {1, state before, state now, actions, last presence of each available resource ...}: the presences only when the
-- contact begins or ceases to see them.  {0}: there is no such account, or it has blocked the contact.  {-1}: too many items or requests.
-- part: rows
-- part: items
if redis.call('EXISTS', KEYS[5]) == 0 then
    return { 0 }
end
if ARGV[3] == 'i' and string.find(redis.call('HGET', KEYS[2], '') or '', 'b', 1, true) and
    (redis.call('SISMEMBER', KEYS[6], ARGV[2]) == 1 or redis.call('SISMEMBER', KEYS[6], string.match(ARGV[2], '[^@]*$')) == 1) then
    return { 0 }
end
local letters, rest = read_item(KEYS[1], ARGV[2])
local request = redis.call('HEXISTS', KEYS[3], ARGV[2])
local before = bits_of(letters) + 8 * request
local now = string.byte(ARGV[1], 2 * before + 1) - 64
local actions = string.byte(ARGV[1], 2 * before + 2) - 48
local function bit(state, value)
    return math.floor(state / value) % 2
end
local shown_before, shown_now = before - 8 * bit(before, 8), now - 8 * bit(now, 8)

if bit(now, 8) > bit(before, 8) and redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[9]) then
    return { -1 }
end
if not letters and shown_now ~= 0 and read_head(KEYS[1]).items >= tonumber(ARGV[8]) then
    return { -1 }
end
if ARGV[3] == 'i' and actions % 2 == 1 then
    publish(KEYS[2], ARGV[4], ARGV[7] == 's' and is_available or is_interested, ARGV[6])
end
if bit(now, 8) > bit(before, 8) then
    redis.call('HSET', KEYS[3], ARGV[2], '{' .. ARGV[6])
elseif bit(now, 8) < bit(before, 8) then
    redis.call('HDEL', KEYS[3], ARGV[2])
end
if shown_before ~= shown_now then
    write_item(KEYS[1], KEYS[2], ARGV[4], ARGV[5], ARGV[2], letters_of(shown_now), rest or '', tonumber(ARGV[10]))
end
if before % 4 ~= now % 4 and bit(now, 1) == 0 then -- its presence is not heard any more (pep_abroad.lua)
    redis.call('HDEL', string.sub(KEYS[1], 1, -7) .. 'pep:abroad', ARGV[2])
end
local answer = { 1, before, now, actions }
if bit(before, 2) ~= bit(now, 2) then
    for _, last in ipairs(available(KEYS[2], KEYS[4])) do
        answer[#answer + 1] = last
    end
end
return answer
