/* credential.h - from a password to what is stored of it: SCRAM keys (RFC 5802 3), for SHA-1 and SHA-256.
 * Used at login by gateway/session, and by the commands that make accounts.  Everything here may run on any thread. */
#ifndef STANZABUS_CREDENTIAL_H
#define STANZABUS_CREDENTIAL_H

#include "stanzabus/store.h"

enum credential_hash { HASH_SHA1, HASH_SHA256 };

/* Fills both hashes' keys, each with a random salt of its own; is_disabled stays as it is.  The password is prepared by
 * OpaqueString (RFC 8265 4.2) first.  Costs iterations rounds of each hash: milliseconds, never on the loop.
 * 0, or -1 when this can be nobody's password (empty, or characters that OpaqueString refuses). */
int credential_derive(struct account *account, struct text password, unsigned iterations);

/* What SCRAM keeps of a prepared password under keys->salt and keys->iterations: sets stored_key and server_key.
 * 0, or -1 when the library refuses (no iterations). */
int credential_derive_keys(struct scram_keys *keys, enum credential_hash hash, struct text password);

/* Base64 of RFC 4648 4.  Encoding writes a terminating NUL too and returns the length without it; room is at least
 * credential_base64_room(size).  Decoding is strict: it refuses foreign characters, missing padding and stray bits; it
 * returns the bytes written, or -1 also when they are more than room. */
static inline size_t credential_base64_room(size_t size)
{
    return (size + 2) / 3 * 4 + 1;
}
size_t credential_base64(char *out, size_t room, const void *data, size_t size);
long credential_base64_decode(unsigned char *out, size_t room, struct text in);

#endif
