-- Numbers and lines of notes, from this argument on, in pieces that fit on Lua's stack.
local function write_lines(notes, first)
    for i = first, #ARGV, 1000 do
        redis.call('HSET', notes, unpack(ARGV, i, math.min(i + 999, #ARGV)))
    end
end
