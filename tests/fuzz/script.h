/* script.h - the input of a target as a script: a byte for what happens next, bytes for the details. */
#ifndef TESTS_FUZZ_SCRIPT_H
#define TESTS_FUZZ_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

/* What is left of it; one input is played at a time. */
extern struct script {
    const uint8_t *data; /* borrowed */
    size_t size;
} script;

/* Less than the bound, which is not 0; 0 when the script is over. */
unsigned script_next(unsigned bound);

/* What a target defines: libFuzzer and replay.c call it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
