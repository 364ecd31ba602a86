-- The account's flags, and how many of its rows want copies (XEP-0280).
local function flags_and_carbons(sessions)
    local flags, carbons = '', 0
    local all = redis.call('HGETALL', sessions)
    for i = 1, #all, 2 do
        if all[i] == '' then
            flags = all[i + 1]
        elseif string.byte(all[i + 1], 2) == 99 then
            carbons = carbons + 1
        end
    end
    return flags, carbons
end

-- Its nodes are told so.
local function tell_account(channel, flags, carbons)
    redis.call('PUBLISH', channel, 'account ' .. carbons .. ' ' .. (flags ~= '' and flags or '-'))
end
