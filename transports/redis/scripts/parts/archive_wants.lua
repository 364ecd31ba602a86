-- Whether an account wants what it exchanges with this address in its archive (XEP-0313): by its exceptions for the address,
-- full or bare, else by its preference, else by default.  settings begins with the default's letter: A always, N never, R when
-- the address is in the roster.
local function archive_wants(base, flags, partner, settings)
    local bare = string.match(partner, '^[^/]*')
    if string.find(flags, 'p', 1, true) then
        local exceptions = redis.call('HMGET', base .. 'prefs', partner, bare)
        local exception = exceptions[1] or exceptions[2]
        if exception then
            return exception == 'a'
        end
    end
    local letter = string.match(flags, '[ANR]') or string.sub(settings, 1, 1)
    if letter == 'R' then
        return redis.call('HEXISTS', base .. 'roster', bare) == 1
    end
    return letter == 'A'
end
