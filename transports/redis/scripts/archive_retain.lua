-- Trims an archive to its bounds, as far as one step may go.
-- KEYS[1] archive   ARGV milliseconds, messages, bytes (parts/archive_write.lua)   Gives how many messages have gone.
-- part: archive_write
local STEPS = 30
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local before = redis.call('XLEN', KEYS[1])
local left = before
for _ = 1, STEPS do
    archive_trim(KEYS[1], now, tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]))
    local length = redis.call('XLEN', KEYS[1])
    if length == left then
        break
    end
    left = length
end
return before - left
