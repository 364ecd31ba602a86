# embed.cmake - writes OUTPUT, a C file with the table page_files[] of page_files.h.
# Run as a script: cmake -DOUTPUT=... -DFILES="path|type|file;path|type|file" -P embed.cmake

set(arrays "")
set(rows "")
set(number 0)
foreach(entry IN LISTS FILES)
    string(REPLACE "|" ";" parts "${entry}")
    list(GET parts 0 path)
    list(GET parts 1 type)
    list(GET parts 2 file)
    file(READ "${file}" bytes HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n"
        bytes "${bytes}")
    string(APPEND arrays "static const unsigned char file_${number}[] = {\n${bytes}\n};\n\n")
    string(APPEND rows "    { \"${path}\", \"${type}; charset=utf-8\", { (const char *)file_${number}, sizeof file_${number} } },\n")
    math(EXPR number "${number} + 1")
endforeach()

file(WRITE "${OUTPUT}" "/* Made from transports/http/page by embed.cmake. */
#include \"transports/http/page_files.h\"

${arrays}const struct page_file page_files[] = {
${rows}    { NULL, NULL, { NULL, 0 } },
};
")
