-- Writes a contact's name and groups, and pushes the item.  Its subscription stays what it is.
-- KEYS[1] roster, [2] sessions
-- ARGV channel, head of the push, contact, name and groups with US before each group, most items, removed ones kept
-- Gives 1, or 0 when there are too many items.
-- part: rows
-- part: items
local letters = read_item(KEYS[1], ARGV[3])
if not letters and read_head(KEYS[1]).items >= tonumber(ARGV[5]) then
    return 0
end
write_item(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3], letters or 'n--', ARGV[4], tonumber(ARGV[6]))
return 1
