#!/usr/bin/python3
"""Derives the PRECIS class of every code point (RFC 8264 section 8) and prints it as codepoint_classes.inc.

Run at development time, and again when the Unicode version is raised:
    /usr/bin/python3 derive_classes.py > codepoint_classes.inc
The unit test derives the same from libunistring's properties and compares.
"""
import unicodedata

UNASSIGNED, DISALLOWED, PVALID, FREE_PVAL, CONTEXTJ, CONTEXTO = range(6)


def spread(*ranges):
    points = set()
    for first, last in ranges:
        points.update(range(first, last + 1))
    return points


# RFC 5892 2.6, which RFC 8264 9.6 takes over.
EXCEPTIONS = {
    PVALID: {0x00DF, 0x03C2, 0x06FD, 0x06FE, 0x0F0B, 0x3007},
    CONTEXTO: {0x00B7, 0x0375, 0x05F3, 0x05F4, 0x30FB} | spread((0x0660, 0x0669), (0x06F0, 0x06F9)),
    DISALLOWED: {0x0640, 0x07FA, 0x302E, 0x302F, 0x303B} | spread((0x3031, 0x3035)),
}

# Hangul_Syllable_Type L, V, T; Default_Ignorable_Code_Point; Noncharacter_Code_Point: Python does not know these.
OLD_HANGUL_JAMO = spread((0x1100, 0x11FF), (0xA960, 0xA97C), (0xD7B0, 0xD7C6), (0xD7CB, 0xD7FB))
DEFAULT_IGNORABLE = spread(
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF))
NONCHARACTER = spread((0xFDD0, 0xFDEF), *((plane | 0xFFFE, plane | 0xFFFF) for plane in range(0, 0x110000, 0x10000)))

LETTER_DIGITS = {"Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc"}
FREE_CATEGORIES = {"Lt", "Nl", "No", "Me", "Zs", "Sm", "Sc", "Sk", "So", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po"}


def derive(point):
    for value, points in EXCEPTIONS.items():
        if point in points:
            return value
    character = chr(point)
    category = unicodedata.category(character)
    if category == "Cn" and point not in NONCHARACTER:
        return UNASSIGNED
    if 0x21 <= point <= 0x7E:
        return PVALID
    if point in (0x200C, 0x200D):
        return CONTEXTJ
    if point in OLD_HANGUL_JAMO or point in DEFAULT_IGNORABLE or point in NONCHARACTER or category == "Cc":
        return DISALLOWED
    if category != "Cs" and unicodedata.normalize("NFKC", character) != character:
        return FREE_PVAL
    if category in LETTER_DIGITS:
        return PVALID
    return FREE_PVAL if category in FREE_CATEGORIES else DISALLOWED


def main():
    print(f"/* Made by derive_classes.py from Unicode {unicodedata.unidata_version}; do not edit.")
    print(" * The first code point of each run, shifted left by 3, and its enum codepoint_class. */")
    entries, last = [], None
    for point in range(0x110000):
        value = derive(point)
        if value != last:
            entries.append(f"0x{point << 3 | value:06x},")
            last = value
    for start in range(0, len(entries), 12):
        print(" ".join(entries[start:start + 12]))


main()
