-- KEYS[1] sessions   ARGV notes, uid   Gives {resource, handled} of a resumable stream, {handled} of one that ended, or {}.
local values = redis.call('HMGET', ARGV[1], 'r', 'h')
local resource, handled = values[1], values[2]
if resource then
    local row = redis.call('HGET', KEYS[1], resource)
    if row and string.match(row, '^[^\n]*\n[^\n]*\n([^\n]*)') == ARGV[2] then
        return {resource, handled}
    end
end
return handled and {handled} or {}
