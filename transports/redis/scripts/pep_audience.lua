-- The resources at other servers that an account knows of: of one contact with all they wish for, or of all contacts, those
-- that wish for a node.
-- KEYS[1] pep:abroad   ARGV contact or '', node
-- Gives {1, '', '', 0, 0, then what of it it wishes for (lines), its kind when its wishes have to be learned, its address, the
-- contact for each}.
-- part: abroad
local result = { 1, '', '', 0, 0 }
local function add(contact, value)
    for _, entry in ipairs(abroad_entries(value)) do
        local wishes = string.sub(entry.wishes, 2)
        if ARGV[1] == '' then
            wishes = string.find(entry.wishes, '\n' .. ARGV[2] .. '\n', 1, true) and ARGV[2] .. '\n' or ''
        end
        if wishes ~= '' or not entry.is_known then
            local address = contact .. (entry.resource ~= '' and '/' .. entry.resource or '')
            for _, text in ipairs({ wishes, entry.is_known and '' or entry.kind, address, contact }) do
                result[#result + 1] = text
            end
        end
    end
end
if ARGV[1] ~= '' then
    add(ARGV[1], redis.call('HGET', KEYS[1], ARGV[1]))
    return result
end
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
    -- Of most contacts nobody wishes for it: those are not taken apart.
    if string.find(all[i + 1], '\n' .. ARGV[2] .. '\n', 1, true) or string.find(all[i + 1], '\30?\30', 1, true) then
        add(all[i], all[i + 1])
    end
end
return result
