-- The presence of a contact at another server says what kind of client a resource is, that it has just come, or that it has gone;
-- or it was learned what this kind wishes for; or it was not told what it should have been.
-- KEYS[1] pep:abroad   ARGV contact, resource, how (s said, c has just come, l learned, m missed something, g gone: with an empty
-- resource all of them), kind (l: how it begins, too), wishes (lines), most bytes of what is kept of a contact: beyond, what was said longest ago is forgotten
-- Gives {result, what it wished for before, '', entries forgotten, 0}: 1 it wishes from now on, 2 known already, 3 to be
-- learned (with c what it wished for before is its kind), -1 no contact, or no resource of this kind that waits for it.
-- part: abroad
local contact, resource, how, kind, wishes = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local old = redis.call('HGET', KEYS[1], contact)
local kept, mine = {}, nil
for _, entry in ipairs(abroad_entries(old)) do
    if entry.resource == resource then
        mine = entry
    elseif how ~= 'g' or resource ~= '' then
        kept[#kept + 1] = entry.text
    end
end
local before = mine and string.sub(mine.wishes, 2) or ''
local result, forgotten = 1, 0
local now = redis.call('TIME')[1]
if how == 'c' or how == 'm' then
    -- Its server may have died, and not said that it went: it is told all again, unless it has just been.
    if not mine or (how == 'c' and mine.is_known and now - mine.told < 60) then
        return { mine and 2 or -1, '', '', 0, 0 }
    end
    result, before = 3, mine.kind
    table.insert(kept, 1, table.concat({ resource, mine.kind, '?', '' }, '\30'))
elseif how == 's' then
    local item = redis.call('HGET', string.sub(KEYS[1], 1, -11) .. 'roster', contact)
    if not string.find(item or '', '^%d+\31[tfb]') then
        return { -1, '', '', 0, 0 }
    end
    if mine and mine.kind == kind then
        return { mine.is_known and 2 or 3, '', '', 0, 0 }
    end
    result = 3
    table.insert(kept, 1, table.concat({ resource, kind, '?', mine and mine.wishes or '' }, '\30'))
elseif how == 'l' then
    if not mine or string.sub(mine.kind, 1, #kind) ~= kind or mine.is_known then
        return { -1, '', '', 0, 0 }
    end
    table.insert(kept, 1, table.concat({ resource, mine.kind, '!' .. now, wishes ~= '' and '\n' .. wishes or '' }, '\30'))
end
local bytes = #kept - 1
for i = 1, #kept do
    bytes = bytes + #kept[i]
end
while #kept > 1 and bytes > tonumber(ARGV[6]) do
    bytes = bytes - 1 - #table.remove(kept)
    forgotten = forgotten + 1
end
if #kept == 0 then
    redis.call('HDEL', KEYS[1], contact)
else
    redis.call('HSET', KEYS[1], contact, table.concat(kept, '\31'))
end
return { result, before, '', forgotten, 0 }
