-- Writes an account, or blocks it: then the nodes that hold its sessions are told to end them.
-- KEYS[1] account   ARGV how, start of a node's channel, bare JID, the session that stays as node/number,
--                   then fields and values of the hash
-- how: create, replace or either (all fields are written); disabled, enabled, revoked, kicked, deleted (none is).
-- Gives {sessions told, generation}; {-1, 0} when the account exists (create) or does not (all others but either).
-- Guests have rows, but no account: they can be revoked and kicked.
local how, base = ARGV[1], string.sub(KEYS[1], 1, -#'account' - 1)
local exists = redis.call('EXISTS', KEYS[1]) == 1
local writes = how == 'create' or how == 'replace' or how == 'either'
local generation = tonumber(redis.call('HGET', KEYS[1], 'generation') or 0)

local rows = redis.call('HVALS', base .. 'sessions')
if how == 'create' then
    if exists then
        return {-1, 0}
    end
elseif not exists and how ~= 'either' and (#rows == 0 or (how ~= 'revoked' and how ~= 'kicked')) then
    return {-1, 0}
end

if writes then
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], unpack(ARGV, 5))
end
if how ~= 'kicked' and how ~= 'enabled' and (exists or writes) then
    -- Milliseconds, so that an account made anew has another one too.
    local time = redis.call('TIME')
    generation = math.max(time[1] * 1000 + math.floor(time[2] / 1000), generation + 1)
    redis.call('HSET', KEYS[1], 'generation', string.format('%.0f', generation))
end
if how == 'disabled' or how == 'enabled' then
    redis.call('HSET', KEYS[1], 'disabled', how == 'disabled' and '1' or '0')
end
if how ~= 'kicked' and how ~= 'enabled' then
    redis.call('DEL', base .. 'tokens')
end
if how == 'create' or how == 'enabled' then
    return {0, generation}
end

local told, nodes = 0, {}
local word = writes and 'password' or how
for i = 1, #rows do
    -- The row's second line is node/resource; the account's flags are no row.
    local node = string.match(rows[i], '^[^\n]*\n([^/\n]*)/')
    if node then
        told = told + 1
        if not nodes[node] then
            nodes[node] = true
            redis.call('PUBLISH', ARGV[2] .. '{' .. node .. '}',
                'blocked\n' .. ARGV[4] .. '\n' .. word .. '\n' .. ARGV[3])
        end
    end
end
return {told, generation}
