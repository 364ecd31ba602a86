-- What is known of the resources of one contact at another server: entries with US between, the latest first, each of its
-- parts with RS between: resource, kind (its capabilities, XEP-0115), ! and the Unix time at which it was told all it wishes for,
-- or ? (what that kind wishes for has to be learned; the wishes are those of before), wishes: LF, then nodes, a line each, or
-- nothing.  No part can hold US or RS: XML has neither.
local function abroad_entries(value)
    local entries = {}
    for text in string.gmatch(value or '', '[^\31]+') do
        local resource, kind, state, told, wishes = string.match(text, '^([^\30]*)\30([^\30]*)\30([!?])(%d*)\30(.*)$')
        entries[#entries + 1] = { text = text, resource = resource, kind = kind, is_known = state == '!', told = tonumber(told),
                                  wishes = wishes }
    end
    return entries
end
