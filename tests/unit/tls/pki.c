/* pki.c - makes keys and certificates, and writes them as PEM. */
#undef NDEBUG /* a test that does not check is none */
#include <assert.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "stanzabus/memory.h"
#include "tests/unit/tls/pki.h"

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/* Made by hand: the configuration syntax of extensions would take the address for Latin-1. */
static void add_xmpp_name(X509 *certificate, const char *address)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_TYPE *value = ASN1_TYPE_new();
    ASN1_UTF8STRING *string = ASN1_UTF8STRING_new();
    ASN1_STRING_set(string, address, (int)strlen(address));
    ASN1_TYPE_set(value, V_ASN1_UTF8STRING, string);
    GENERAL_NAME_set0_othername(name, OBJ_nid2obj(NID_XmppAddr), value);
    sk_GENERAL_NAME_push(names, name);
    X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0);
    GENERAL_NAMES_free(names);
}

static void set_names(X509 *certificate, const struct pki_request *request)
{
    char alternative[256];
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)request->name, -1, -1, 0);
    X509_set_issuer_name(certificate, request->issuer ? X509_get_subject_name(request->issuer->certificate) : name);
    snprintf(alternative, sizeof alternative, "DNS:%s", request->name);
    if (request->xmpp)
        add_xmpp_name(certificate, request->xmpp);
    else
        add_extension(certificate, NID_subject_alt_name, alternative);
    if (!request->issuer)
        add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
}

struct pki_identity pki_make(const struct pki_request *request)
{
    static long serial = 1000;
    const long day = 24L * 3600;
    EVP_PKEY *key = request->has_ed25519_key ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    EVP_PKEY *signer = request->issuer ? request->issuer->key : key;
    const EVP_MD *hash = EVP_get_digestbyname(request->hash ? request->hash : "SHA256");

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -400 * day);
    X509_gmtime_adj(X509_getm_notAfter(certificate), request->days * day + 3600);
    X509_set_pubkey(certificate, key);
    set_names(certificate, request);
    int signature = X509_sign(certificate, signer, EVP_PKEY_is_a(signer, "ED25519") ? NULL : hash);
    assert(signature > 0);
    (void)signature;
    return (struct pki_identity){ certificate, key };
}

void pki_forget(struct pki_identity *identity)
{
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
    *identity = (struct pki_identity){ 0 };
}

char *pki_make_directory(void)
{
    const char *parent = getenv("TMPDIR") ? getenv("TMPDIR") : P_tmpdir;
    char template[512];
    snprintf(template, sizeof template, "%s/stanzabus-pki-XXXXXX", parent);
    char *made = mkdtemp(template);
    assert(made);
    return xstrdup(made);
}

void pki_remove_directory(char **directory)
{
    DIR *listing = opendir(*directory);
    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing))
        unlink(pki_path(*directory, entry->d_name));
    closedir(listing);
    rmdir(*directory);
    free(*directory);
    *directory = NULL;
}

const char *pki_path(const char *directory, const char *name)
{
    static char paths[8][1024];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static FILE *open_to_write(const char *path)
{
    FILE *file = fopen(path, "w");
    assert(file);
    return file;
}

void pki_write_certificate(const struct pki_identity *identity, const char *path)
{
    FILE *file = open_to_write(path);
    PEM_write_X509(file, identity->certificate);
    fclose(file);
}

void pki_write_key(const struct pki_identity *identity, const char *path, const char *passphrase)
{
    FILE *file = open_to_write(path);
    PEM_write_PKCS8PrivateKey(file, identity->key, passphrase ? EVP_aes_128_cbc() : NULL, passphrase,
                              passphrase ? (int)strlen(passphrase) : 0, NULL, NULL);
    fclose(file);
}

void pki_write(const struct pki_identity *identity, const char *directory, const char *name)
{
    char file[256];
    snprintf(file, sizeof file, "%s.crt", name);
    pki_write_certificate(identity, pki_path(directory, file));
    snprintf(file, sizeof file, "%s.key", name);
    pki_write_key(identity, pki_path(directory, file), NULL);
}

void pki_write_text(const char *path, const char *text)
{
    FILE *file = open_to_write(path);
    fputs(text, file);
    fclose(file);
}
