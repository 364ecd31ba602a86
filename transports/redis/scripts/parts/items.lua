-- The roster: a hash, a field a contact.  An item is its parts with US (which XML cannot hold) between: version, letters,
-- name, groups.  Letters: n none, t to, f from, b both, x removed; s asked or -; a approved or -.
-- The field "" is "epoch number floor items removed": the version is epoch-number; changes up to floor are forgotten.
local US = '\31'
local SUBSCRIPTIONS = { n = 0, t = 1, f = 2, b = 3 }
local LETTERS = { [0] = 'n', 't', 'f', 'b' }
local NAMES = { n = 'none', t = 'to', f = 'from', b = 'both', x = 'remove' }

local function number_text(number)
    return string.format('%.0f', number)
end

-- Letters and the rest behind them, of one that is there and not removed.
local function read_item(roster, contact)
    local value = redis.call('HGET', roster, contact)
    local letters, rest = string.match(value or '', '^%d+\31([^\31]*)\31(.*)$')
    if letters and string.sub(letters, 1, 1) ~= 'x' then
        return letters, rest
    end
end

-- The bits of subscription_state.h, without the pending request.
local function bits_of(letters)
    if not letters then
        return 0
    end
    local bits = SUBSCRIPTIONS[string.sub(letters, 1, 1)]
    if string.sub(letters, 2, 2) == 's' then
        bits = bits + 4
    end
    if string.sub(letters, 3, 3) == 'a' then
        bits = bits + 16
    end
    return bits
end

local function letters_of(bits)
    return LETTERS[bits % 4] .. (bits % 8 >= 4 and 's' or '-') .. (bits >= 16 and 'a' or '-')
end

local function read_head(roster)
    local head = redis.call('HGET', roster, '')
    local epoch, number, floor, items, removed = string.match(head or '', '^(%x+) (%d+) (%d+) (%d+) (%d+)$')
    if not epoch then
        local time = redis.call('TIME')
        epoch, number, floor, items, removed = string.format('%x%05x', time[1], time[2]), 0, 0, 0, 0
    end
    return { epoch = epoch, number = tonumber(number), floor = tonumber(floor), items = tonumber(items),
             removed = tonumber(removed) }
end

local function write_head(roster, head)
    redis.call('HSET', roster, '', head.epoch .. ' ' .. number_text(head.number) .. ' ' .. number_text(head.floor) .. ' ' ..
               number_text(head.items) .. ' ' .. number_text(head.removed))
end

-- What is removed is remembered for clients that were away, up to a number; then all of it is forgotten at once.
local function forget_removed(roster, head)
    local all = redis.call('HGETALL', roster)
    for i = 1, #all, 2 do
        if string.find(all[i + 1], '^%d+\31x') then
            redis.call('HDEL', roster, all[i])
        end
    end
    head.floor, head.removed = head.number, 0
end

local function item_json(contact, letters, rest)
    local name, groups = string.match(rest, '^([^\31]*)(.*)$')
    local subscription = string.sub(letters, 1, 1)
    local text = '{"name":"item","attrs":{"jid":' .. cjson.encode(contact)
    if name ~= '' then
        text = text .. ',"name":' .. cjson.encode(name)
    end
    text = text .. ',"subscription":"' .. NAMES[subscription] .. '"'
    if string.sub(letters, 2, 2) == 's' then
        text = text .. ',"ask":"subscribe"'
    end
    if string.sub(letters, 3, 3) == 'a' then
        text = text .. ',"approved":"true"'
    end
    text = text .. '}'
    if groups ~= '' then
        local children = {}
        for group in string.gmatch(groups, '\31([^\31]*)') do
            children[#children + 1] = '{"name":"group","children":[' .. cjson.encode(group) .. ']}'
        end
        text = text .. ',"children":[' .. table.concat(children, ',') .. ']'
    end
    return text .. '}'
end

-- Writes the item under the next version and pushes it to all who have asked for the roster (RFC 6121 2.1.6).
-- head_event: an event's beginning up to its data of kind iq.  kept: how many removed ones are remembered.
local function write_item(roster, sessions, channel, head_event, contact, letters, rest, kept)
    local head = read_head(roster)
    local before = redis.call('HGET', roster, contact)
    local was_removed = before and string.find(before, '^%d+\31x')
    local is_removed = string.sub(letters, 1, 1) == 'x'
    local was_item = before and not was_removed
    head.number = head.number + 1
    head.items = head.items + (is_removed and 0 or 1) - (was_item and 1 or 0)
    head.removed = head.removed + (is_removed and 1 or 0) - (was_removed and 1 or 0)
    redis.call('HSET', roster, contact, number_text(head.number) .. US .. letters .. US .. rest)
    if head.removed > kept then
        forget_removed(roster, head)
    end
    write_head(roster, head)
    local number = number_text(head.number)
    publish(sessions, channel, is_interested,
            head_event .. ',"type":"set","id":"push-' .. number .. '","extensions":[{"name":"query",' ..
            '"xmlns":"jabber:iq:roster","attrs":{"ver":"' .. head.epoch .. '-' .. number .. '"},"children":[' ..
            item_json(contact, letters, rest) .. ']}]}}')
end

-- Contacts that the letters of their subscription select: contact, letter, contact, letter ...  With most_asked also so many of
-- those that were asked and have not answered, from anywhere in the roster: their letter has an s behind it.
local function contacts(roster, wanted, most_asked)
    local all, found = redis.call('HGETALL', roster), {}
    local count, asked = #all / 2, 0
    local start = most_asked and redis.call('TIME')[1] % count or 0
    for n = 0, count - 1 do
        local i = 2 * ((start + n) % count) + 1
        local subscription, ask = string.match(all[i + 1], '^%d+\31([ntfb])(.)')
        local is_asked = ask == 's' and asked < (most_asked or 0)
        if all[i] ~= '' and subscription and (is_asked or string.find(wanted, subscription, 1, true)) then
            found[#found + 1] = all[i]
            found[#found + 1] = is_asked and subscription .. 's' or subscription
            asked = asked + (is_asked and 1 or 0)
        end
    end
    return found
end
