/* scram_client.h - the other side of SCRAM, for tests: written from RFC 5802 3 with OpenSSL's PBKDF2 and HMAC alone. */
#ifndef STANZABUS_TEST_SESSION_SCRAM_CLIENT_H
#define STANZABUS_TEST_SESSION_SCRAM_CLIENT_H

#include <stddef.h>

struct scram_client {
    const char *hash;    /* "SHA1" or "SHA256" */
    const char *gs2;     /* "n,,", "y,,", "p=tls-exporter,," */
    const char *binding; /* bytes, or NULL */
    size_t binding_size;
    const char *name, *password;
    const char *nonce;  /* in the final message instead of the right one; NULL: not */
    char first[512];    /* client-first-message, after scram_client_first */
    char final[1200];   /* client-final-message, after scram_client_final */
    char expected[128]; /* what the server has to say at last */
};

void scram_client_first(struct scram_client *client);
void scram_client_final(struct scram_client *client, const char *server_first);

#endif
