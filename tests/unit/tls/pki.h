/* pki.h - certificates for the tests of TLS: made anew in a directory that goes with them. */
#ifndef STANZABUS_TESTS_PKI_H
#define STANZABUS_TESTS_PKI_H

#include <stdbool.h>

#include <openssl/ssl.h>

struct pki_identity {
    X509 *certificate;
    EVP_PKEY *key;
};

struct pki_request {
    const char *name;                  /* common name, and DNS name unless xmpp is set */
    const char *xmpp;                  /* id-on-xmppAddr in place of the DNS name */
    int days;                          /* of validity from now; negative: it ended so long ago */
    const char *hash;                  /* of the signature; NULL: SHA-256 */
    const struct pki_identity *issuer; /* NULL: self-signed, and may sign others */
    bool has_ed25519_key;              /* else P-256 */
};

struct pki_identity pki_make(const struct pki_request *request);
void pki_forget(struct pki_identity *identity);

/* A fresh directory under TMPDIR; removed with all its files by pki_remove_directory. */
char *pki_make_directory(void);
void pki_remove_directory(char **directory);
/* directory/name, in one of eight rotating buffers. */
const char *pki_path(const char *directory, const char *name);
void pki_write_certificate(const struct pki_identity *identity, const char *path);
void pki_write_key(const struct pki_identity *identity, const char *path, const char *passphrase); /* NULL: none */
/* name.crt and name.key in the directory */
void pki_write(const struct pki_identity *identity, const char *directory, const char *name);
void pki_write_text(const char *path, const char *text);

#endif
