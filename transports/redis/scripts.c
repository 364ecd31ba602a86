/* scripts.c - calls by EVALSHA.  The digests are computed here, so that commands can be written before Redis is
 * reached. */
#include <openssl/sha.h>

#include "scripts.h"

void scripts_init(struct scripts *scripts)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[SHA_DIGEST_LENGTH];
    for (int i = 0; i < SCRIPT_COUNT; i++) {
        SHA1((const unsigned char *)script_sources[i].text.data, script_sources[i].text.size, digest);
        for (int b = 0; b < SHA_DIGEST_LENGTH; b++) {
            scripts->digest[i][b * 2] = hex[digest[b] >> 4];
            scripts->digest[i][b * 2 + 1] = hex[digest[b] & 15];
        }
    }
}

void script_load(struct command_queue *queue, enum script script, struct pending pending)
{
    command_begin(queue, 3);
    command_word(queue, "SCRIPT");
    command_word(queue, "LOAD");
    command_text(queue, script_sources[script].text);
    command_end(queue, pending);
}

void script_begin(struct command_queue *queue, const struct scripts *scripts, enum script script, struct text key,
                  unsigned arguments)
{
    command_begin(queue, 4 + arguments);
    command_text(queue, TEXT("EVALSHA"));
    command_text(queue, (struct text){ scripts->digest[script], SCRIPT_DIGEST });
    command_text(queue, TEXT("1"));
    command_text(queue, key);
}

void script_end(struct command_queue *queue, enum script script, struct pending pending)
{
    pending.script = (uint8_t)(script + 1);
    command_end(queue, pending);
}

bool script_is_missing(const struct reply *reply)
{
    return reply->type == REPLY_ERROR && text_starts_with(reply->text, TEXT("NOSCRIPT"));
}
