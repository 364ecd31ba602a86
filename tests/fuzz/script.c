#include "tests/fuzz/script.h"

struct script script;

unsigned script_next(unsigned bound)
{
    if (script.size == 0)
        return 0;
    script.size--;
    return *script.data++ % bound;
}
