/* tls_test.c - handshakes in memory between a channel and a client of OpenSSL: versions, certificates by name, reload,
 * channel bindings, ALPN, client certificates, and what is said about broken files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "tests/unit/tls/pki.h"
#include "transports/tls/tls_channel.h"

/* -- the world: three domains, one with a name that is not ASCII; two authorities for client certificates -- */

static const struct text domains[] = { TEXT_INIT("one.example"), TEXT_INIT("two.example"),
                                       TEXT_INIT("b\xc3\xbc"
                                                 "cher.example") };

struct world {
    char *directory;
    char certificate[1024], key[1024], client_ca[1024];
    struct pki_identity authority, stranger; /* who signs clients here; somebody else */
    struct tls_settings settings;
    struct tls *tls;
    char *log_text;
    size_t log_size;
    struct log log;
};

static void make_domain(struct world *w, const char *name, const char *hash, bool has_ed25519_key)
{
    struct pki_identity identity =
        pki_make(&(struct pki_request){ .name = name, .days = 90, .hash = hash, .has_ed25519_key = has_ed25519_key });
    pki_write(&identity, w->directory, name);
    pki_forget(&identity);
}

static int world_make(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    w->directory = pki_make_directory();
    make_domain(w, "one.example", NULL, false);
    make_domain(w, "two.example", "SHA384", false);
    make_domain(w, "xn--bcher-kva.example", NULL, false);
    w->authority = pki_make(&(struct pki_request){ .name = "authority.example", .days = 90 });
    w->stranger = pki_make(&(struct pki_request){ .name = "stranger.example", .days = 90 });
    pki_write(&w->authority, w->directory, "authority");
    strcpy(w->certificate, pki_path(w->directory, "{domain}.crt"));
    strcpy(w->key, pki_path(w->directory, "{domain}.key"));
    strcpy(w->client_ca, pki_path(w->directory, "authority.crt"));
    w->log = (struct log){ .level = LOG_LEVEL_DEBUG, .out = open_memstream(&w->log_text, &w->log_size) };
    w->settings = (struct tls_settings){ .certificate = text_of(w->certificate),
                                         .key = text_of(w->key),
                                         .domains = domains,
                                         .domain_count = 3,
                                         .client_ca = text_of(w->client_ca),
                                         .alpn = "xmpp-client",
                                         .log = &w->log };
    *state = w;
    return 0;
}

static int world_unmake(void **state)
{
    struct world *w = *state;
    tls_free(&w->tls);
    pki_forget(&w->authority);
    pki_forget(&w->stranger);
    pki_remove_directory(&w->directory);
    fclose(w->log.out);
    free(w->log_text);
    free(w);
    return 0;
}

static void start(struct world *w)
{
    char error[512] = "";
    w->tls = tls_new(&w->settings, error, sizeof error);
    assert_string_equal(error, "");
    assert_non_null(w->tls);
}

/* -- one connection: our channel and a client -- */

struct pair {
    struct tls_channel *server;
    SSL_CTX *context;
    SSL *client;
    BIO *to_server, *to_client; /* the client's sides of memory BIOs */
    enum tls_result result;
};

static void pair_open(struct pair *p, struct tls *tls, bool is_direct, const char *domain)
{
    *p = (struct pair){ .server = tls_channel_new(tls, is_direct, text_of(domain)) };
    p->context = SSL_CTX_new(TLS_client_method());
    p->client = SSL_new(p->context);
    p->to_server = BIO_new(BIO_s_mem());
    p->to_client = BIO_new(BIO_s_mem());
    SSL_set_bio(p->client, p->to_client, p->to_server);
    SSL_set_connect_state(p->client);
}

static void pair_close(struct pair *p)
{
    tls_channel_free(&p->server);
    SSL_free(p->client);
    SSL_CTX_free(p->context);
    ERR_clear_error();
}

/* Moves bytes both ways until nothing more comes; plain gets what the server reads. */
static void pair_run(struct pair *p, struct buffer *plain)
{
    struct buffer records = { 0 };
    char bytes[4096], received[256];
    int size = 1;
    while (size > 0) {
        SSL_read(p->client, received, sizeof received); /* makes the handshake, takes tickets */
        size = BIO_read(p->to_server, bytes, sizeof bytes);
        struct text input = { bytes, size > 0 ? (size_t)size : 0 };
        if (size > 0 && p->result == TLS_OK && !tls_channel_is_up(p->server))
            p->result = tls_channel_handshake(p->server, &input, &records);
        if (size > 0 && p->result == TLS_OK && tls_channel_is_up(p->server) && plain)
            p->result = tls_channel_receive(p->server, input, plain, &records);
        BIO_write(p->to_client, records.data, (int)records.size);
        records.size = 0;
    }
    SSL_read(p->client, received, sizeof received);
    buffer_fini(&records);
}

static const char *client_sees_name(struct pair *p)
{
    static char name[128];
    X509 *certificate = SSL_get0_peer_certificate(p->client);
    name[0] = 0;
    if (certificate)
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    return name;
}

static const char *name_seen_for(struct tls *tls, const char *sni, const char *domain)
{
    struct pair p;
    pair_open(&p, tls, false, domain);
    if (sni)
        SSL_set_tlsext_host_name(p.client, sni);
    pair_run(&p, NULL);
    assert_true(tls_channel_is_up(p.server));
    const char *name = client_sees_name(&p);
    pair_close(&p);
    return name;
}

/* -- the tests -- */

static void versions(void **state)
{
    static const struct {
        int version;
        bool is_accepted;
    } rows[] = {
        { TLS1_VERSION, false }, { TLS1_1_VERSION, false }, { TLS1_2_VERSION, true }, { TLS1_3_VERSION, true }
    };
    struct world *w = *state;
    start(w);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pair p;
        pair_open(&p, w->tls, false, "");
        SSL_set_security_level(p.client, 0);
        SSL_set_min_proto_version(p.client, rows[i].version);
        SSL_set_max_proto_version(p.client, rows[i].version);
        pair_run(&p, NULL);
        assert_int_equal(tls_channel_is_up(p.server), rows[i].is_accepted);
        assert_int_equal(p.result, rows[i].is_accepted ? TLS_OK : TLS_FAILED);
        if (!rows[i].is_accepted)
            assert_string_equal(tls_channel_error(p.server), "unsupported protocol");
        pair_close(&p);
    }
}

static void weak_ciphers_are_refused(void **state)
{
    static const char *const lists[] = { "AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256" };
    struct world *w = *state;
    start(w);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct pair p;
        pair_open(&p, w->tls, false, "");
        SSL_set_max_proto_version(p.client, TLS1_2_VERSION);
        SSL_set_cipher_list(p.client, lists[i]);
        pair_run(&p, NULL);
        assert_string_equal(tls_channel_error(p.server), "no shared cipher");
        pair_close(&p);
    }
}

static void certificates_by_name(void **state)
{
    static const struct {
        const char *sni, *domain, *seen;
    } rows[] = {
        { "one.example", "", "one.example" },
        { "two.example", "", "two.example" },
        { "TWO.Example", "", "two.example" },
        { "xn--bcher-kva.example", "", "xn--bcher-kva.example" },
        { "unknown.example", "", "one.example" },
        { "sub.two.example", "", "one.example" },
        { NULL, "", "one.example" },
        { NULL, "two.example", "two.example" },
        { NULL,
          "b\xc3\xbc"
          "cher.example",
          "xn--bcher-kva.example" },
        { NULL, "unknown.example", "one.example" },
        { "one.example", "two.example", "one.example" },
        { "unknown.example", "two.example", "one.example" },
    };
    struct world *w = *state;
    start(w);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(name_seen_for(w->tls, rows[i].sni, rows[i].domain), rows[i].seen);
}

static void names_are_those_of_the_first_when_there_is_one_file(void **state)
{
    struct world *w = *state;
    char certificate[1024], key[1024];
    strcpy(certificate, pki_path(w->directory, "two.example.crt"));
    strcpy(key, pki_path(w->directory, "two.example.key"));
    w->settings.certificate = text_of(certificate);
    w->settings.key = text_of(key);
    start(w);
    assert_string_equal(name_seen_for(w->tls, "one.example", ""), "two.example");
    fflush(w->log.out);
    assert_non_null(strstr(w->log_text, "tls_certificate_for_another_name domain=one.example"));
    assert_null(strstr(w->log_text, "tls_certificate_for_another_name domain=two.example"));
}

/* What a client can see of a certificate that is the same by name: its serial number. */
static long serial_seen(struct tls *tls, const char *sni)
{
    struct pair p;
    pair_open(&p, tls, false, "");
    SSL_set_tlsext_host_name(p.client, sni);
    pair_run(&p, NULL);
    long serial = ASN1_INTEGER_get(X509_get0_serialNumber(SSL_get0_peer_certificate(p.client)));
    pair_close(&p);
    return serial;
}

static void reload(void **state)
{
    struct world *w = *state;
    struct pair old;
    struct buffer plain = { 0 };
    start(w);
    long one = serial_seen(w->tls, "one.example"), two = serial_seen(w->tls, "two.example");
    pair_open(&old, w->tls, false, "");
    pair_run(&old, &plain);

    make_domain(w, "one.example", NULL, false);
    pki_write_text(pki_path(w->directory, "two.example.crt"), "half a fi");
    assert_int_equal(tls_reload(w->tls), -1);
    long new_one = serial_seen(w->tls, "one.example");
    assert_int_not_equal(new_one, one);
    assert_int_equal(serial_seen(w->tls, "two.example"), two);
    fflush(w->log.out);
    assert_non_null(strstr(w->log_text, "tls_reload_failed domain=two.example"));

    SSL_write(old.client, "still here", 10);
    pair_run(&old, &plain);
    assert_true(text_is(buffer_text(&plain), "still here"));
    pair_close(&old);
    buffer_fini(&plain);

    make_domain(w, "two.example", NULL, false);
    pki_write_text(w->client_ca, "");
    assert_int_equal(tls_reload(w->tls), -1);
    assert_int_not_equal(serial_seen(w->tls, "two.example"), two);
    assert_int_equal(serial_seen(w->tls, "one.example"), new_one);
    pki_write(&w->authority, w->directory, "authority");
    assert_int_equal(tls_reload(w->tls), 0);
}

/* A key that does not belong to its certificate, as between the two copies of a renewal. */
static void reload_between_two_copies(void **state)
{
    struct world *w = *state;
    start(w);
    long one = serial_seen(w->tls, "one.example");
    struct pki_identity renewed = pki_make(&(struct pki_request){ .name = "one.example", .days = 90 });
    pki_write_certificate(&renewed, pki_path(w->directory, "one.example.crt"));
    assert_int_equal(tls_reload(w->tls), -1);
    assert_int_equal(serial_seen(w->tls, "one.example"), one);
    pki_write_key(&renewed, pki_path(w->directory, "one.example.key"), NULL);
    assert_int_equal(tls_reload(w->tls), 0);
    assert_int_not_equal(serial_seen(w->tls, "one.example"), one);
    pki_forget(&renewed);
}

static void broken_files(void **state)
{
    static const struct {
        const char *certificate, *key, *client_ca, *said;
    } rows[] = {
        { "none.crt", "two.example.key", NULL, "none.crt: No such file or directory: set tls.certificate" },
        { "two.example.crt", "none.key", NULL, "none.key: No such file or directory: set tls.key" },
        { "garbage", "two.example.key", NULL, "garbage is not a PEM certificate: no start line: set tls.certificate" },
        { "two.example.crt", "garbage", NULL, "garbage is not a PEM private key: " },
        { "two.example.crt", "one.example.key", NULL, "cannot be used together: private key mismatch: set" },
        { "two.example.crt", "locked.key", NULL,
          "locked.key is protected by a passphrase: set tls.key to one without" },
        { "two.example.crt", "two.example.key", "garbage", "garbage: " },
        { "two.example.crt", "two.example.key", "none.crt", "none.crt: " },
        { "{domain}.crt", "{domain}.key", NULL, "cher.example.crt: No such file" },
    };
    struct world *w = *state;
    pki_write_text(pki_path(w->directory, "garbage"), "nothing in particular\n");
    pki_write_key(&w->stranger, pki_path(w->directory, "locked.key"), "secret");
    remove(pki_path(w->directory, "xn--bcher-kva.example.crt"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char error[512] = "", certificate[1024], key[1024], client_ca[1024] = "";
        strcpy(certificate, pki_path(w->directory, rows[i].certificate));
        strcpy(key, pki_path(w->directory, rows[i].key));
        if (rows[i].client_ca)
            strcpy(client_ca, pki_path(w->directory, rows[i].client_ca));
        w->settings.certificate = text_of(certificate);
        w->settings.key = text_of(key);
        w->settings.client_ca = text_of(client_ca);
        assert_null(tls_new(&w->settings, error, sizeof error));
        if (!strstr(error, rows[i].said))
            fail_msg("row %zu: \"%s\" is not in \"%s\"", i, rows[i].said, error);
        assert_null(strchr(error, '\n'));
    }
}

static void old_certificates_are_said(void **state)
{
    static const struct {
        int days;
        const char *said;
    } rows[] = { { -3, "warning tls_certificate_expired file=" },
                 { 5, "warning tls_certificate_expires_soon file=" },
                 { 90, "info tls_certificate_loaded file=" } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world *w = *state;
        struct pki_identity identity = pki_make(&(struct pki_request){ .name = "one.example", .days = rows[i].days });
        char days[32];
        pki_write(&identity, w->directory, "one.example");
        pki_forget(&identity);
        start(w);
        fflush(w->log.out);
        const char *line = strstr(w->log_text, rows[i].said);
        snprintf(days, sizeof days, "days_left=%d\n", rows[i].days);
        assert_non_null(line);
        assert_non_null(strstr(line, days));
        assert_non_null(strstr(w->log_text, "warning tls_certificate_self_signed"));
        world_unmake(state);
        world_make(state);
    }
}

/* -- channel bindings -- */

static void compare_exporter(struct pair *p)
{
    unsigned char ours[64], theirs[32];
    assert_int_equal(tls_channel_binding(tls_channel_ssl(p->server), BINDING_TLS_EXPORTER, ours), 32);
    assert_int_equal(SSL_export_keying_material(p->client, theirs, 32, "EXPORTER-Channel-Binding", 24,
                                                (const unsigned char *)"", 0, 1),
                     1);
    assert_memory_equal(ours, theirs, 32);
}

static void compare_end_point(struct pair *p, const EVP_MD *hash)
{
    unsigned char ours[64], theirs[64];
    unsigned int size = 0;
    assert_int_equal(X509_digest(SSL_get0_peer_certificate(p->client), hash, theirs, &size), 1);
    assert_int_equal(tls_channel_binding(tls_channel_ssl(p->server), BINDING_TLS_SERVER_END_POINT, ours), size);
    assert_memory_equal(ours, theirs, size);
}

static void bindings_are_equal_on_both_sides(void **state)
{
    static const struct {
        int version;
        const char *domain, *hash, *made_with;
    } rows[] = { { TLS1_2_VERSION, "one.example", "SHA256", "SHA256" },
                 { TLS1_3_VERSION, "one.example", "SHA256", "SHA256" },
                 { TLS1_3_VERSION, "two.example", "SHA384", "SHA384" },
                 { TLS1_2_VERSION, "two.example", "SHA512", "SHA512" },
                 { TLS1_3_VERSION, "one.example", "SHA256", "SHA1" } };
    struct world *w = *state;
    unsigned char none[64];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pair p;
        make_domain(w, rows[i].domain, rows[i].made_with, false);
        start(w);
        pair_open(&p, w->tls, false, rows[i].domain);
        SSL_set_security_level(p.client, 0);
        SSL_set_min_proto_version(p.client, rows[i].version);
        SSL_set_max_proto_version(p.client, rows[i].version);
        assert_int_equal(tls_channel_binding(tls_channel_ssl(p.server), BINDING_TLS_EXPORTER, none), -1);
        assert_int_equal(tls_channel_binding(tls_channel_ssl(p.server), BINDING_TLS_SERVER_END_POINT, none), -1);
        pair_run(&p, NULL);
        assert_true(tls_channel_is_up(p.server));
        compare_exporter(&p);
        compare_end_point(&p, EVP_get_digestbyname(rows[i].hash));
        pair_close(&p);
        tls_free(&w->tls);
    }
}

static void bindings_that_do_not_exist(void **state)
{
    struct world *w = *state;
    unsigned char none[64];
    struct pair p;
    make_domain(w, "two.example", NULL, true);
    start(w);

    pair_open(&p, w->tls, false, "one.example"); /* RFC 9266 4.2: no extended master secret */
    SSL_set_max_proto_version(p.client, TLS1_2_VERSION);
    SSL_set_options(p.client, SSL_OP_NO_EXTENDED_MASTER_SECRET);
    pair_run(&p, NULL);
    assert_true(tls_channel_is_up(p.server));
    assert_int_equal(tls_channel_binding(tls_channel_ssl(p.server), BINDING_TLS_EXPORTER, none), -1);
    compare_end_point(&p, EVP_sha256());
    pair_close(&p);

    pair_open(&p, w->tls, false, "two.example"); /* Ed25519 signs without a hash of its own */
    pair_run(&p, NULL);
    assert_string_equal(client_sees_name(&p), "two.example");
    compare_exporter(&p);
    assert_int_equal(tls_channel_binding(tls_channel_ssl(p.server), BINDING_TLS_SERVER_END_POINT, none), -1);
    pair_close(&p);
}

static SSL_SESSION *kept_session;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept_session);
    kept_session = session;
    return 1;
}

/* A resumed connection has no Certificate message; the binding stays that of the first one, whatever SNI says now. */
static void bindings_of_resumed_connections(void **state)
{
    static const int versions_[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    struct world *w = *state;
    start(w);
    for (int i = 0; i < 2; i++) {
        struct pair first, second;
        pair_open(&first, w->tls, false, "two.example");
        SSL_set_max_proto_version(first.client, versions_[i]);
        SSL_CTX_set_session_cache_mode(first.context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(first.context, keep_session);
        pair_run(&first, NULL);
        assert_non_null(kept_session);
        pair_open(&second, w->tls, false, "one.example");
        SSL_set_max_proto_version(second.client, versions_[i]);
        SSL_set_session(second.client, kept_session);
        pair_run(&second, NULL);
        assert_true(SSL_session_reused(second.client));
        compare_exporter(&second);
        compare_end_point(&second, EVP_sha384());
        pair_close(&first);
        pair_close(&second);
        SSL_SESSION_free(kept_session);
        kept_session = NULL;
    }
}

/* -- ALPN -- */

static void protocols(void **state)
{
    static const struct {
        bool is_direct;
        const char *offered;
        bool is_accepted;
        const char *chosen;
    } rows[] = {
        { true, "\x0bxmpp-client", true, "xmpp-client" },
        { true, "\x08http/1.1\x0bxmpp-client", true, "xmpp-client" },
        { true, NULL, true, "" },
        { true, "\x08http/1.1", false, "" },
        { true, "\x0bxmpp-server", false, "" },
        { false, "\x08http/1.1", true, "" },
    };
    struct world *w = *state;
    start(w);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const unsigned char *chosen;
        unsigned size;
        struct pair p;
        pair_open(&p, w->tls, rows[i].is_direct, "");
        if (rows[i].offered)
            SSL_set_alpn_protos(p.client, (const unsigned char *)rows[i].offered, (unsigned)strlen(rows[i].offered));
        pair_run(&p, NULL);
        assert_int_equal(tls_channel_is_up(p.server), rows[i].is_accepted);
        SSL_get0_alpn_selected(p.client, &chosen, &size);
        assert_true(text_is((struct text){ (const char *)chosen, size }, rows[i].chosen));
        if (!rows[i].is_accepted)
            assert_string_equal(ERR_reason_error_string(ERR_peek_last_error()), "tlsv1 alert no application protocol");
        pair_close(&p);
    }
}

/* -- client certificates -- */

static void client_certificates(void **state)
{
    struct world *w = *state;
    const struct {
        const char *label;
        struct pki_request request;
        int count;
        const char *jid, *why;
    } rows[] = {
        { "none", { 0 }, -1, NULL, NULL },
        { "good", { "j", "juliet@example.com", 30, NULL, &w->authority, false }, 1, "juliet@example.com", NULL },
        { "international",
          { "j",
            "j\xc3\xbcliet@b\xc3\xbc"
            "cher.example",
            30, NULL, &w->authority, false },
          1,
          "j\xc3\xbcliet@b\xc3\xbc"
          "cher.example",
          NULL },
        { "without address", { "j.example", NULL, 30, NULL, &w->authority, false }, 0, NULL, NULL },
        { "expired",
          { "j", "juliet@example.com", -1, NULL, &w->authority, false },
          -1,
          NULL,
          "certificate has expired" },
        { "other authority",
          { "j", "juliet@example.com", 30, NULL, &w->stranger, false },
          -1,
          NULL,
          "unable to get local issuer certificate" },
        { "self-signed", { "j", "juliet@example.com", 30, NULL, NULL, false }, -1, NULL, "self-signed certificate" },
    };
    start(w);
    assert_true(tls_asks_certificates(w->tls));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            struct arena arena = { 0 };
            struct text jids[4];
            struct pki_identity identity = { 0 };
            const char *why;
            struct pair p;
            pair_open(&p, w->tls, false, "");
            SSL_set_max_proto_version(p.client, version);
            if (rows[i].request.name) {
                identity = pki_make(&rows[i].request);
                SSL_use_certificate(p.client, identity.certificate);
                SSL_use_PrivateKey(p.client, identity.key);
            }
            pair_run(&p, NULL);
            assert_true(tls_channel_is_up(p.server));
            int count = tls_certificate_jids(tls_channel_ssl(p.server), &arena, jids, 4, &why);
            if (count != rows[i].count)
                fail_msg("%s: %d, %s", rows[i].label, count, why ? why : "-");
            if (rows[i].jid)
                assert_true(text_is(jids[0], rows[i].jid));
            assert_string_equal(why ? why : "-", rows[i].why ? rows[i].why : "-");
            pair_close(&p);
            pki_forget(&identity);
            arena_fini(&arena);
        }
    }
}

static void client_certificates_are_not_asked_for_without_an_authority(void **state)
{
    struct world *w = *state;
    struct pair p;
    w->settings.client_ca = (struct text){ 0 };
    start(w);
    assert_false(tls_asks_certificates(w->tls));
    pair_open(&p, w->tls, false, "");
    SSL_use_certificate(p.client, w->stranger.certificate);
    SSL_use_PrivateKey(p.client, w->stranger.key);
    pair_run(&p, NULL);
    assert_null(SSL_get0_peer_certificate(tls_channel_ssl(p.server)));
    pair_close(&p);
}

/* -- data -- */

static void data_and_close(void **state)
{
    struct world *w = *state;
    struct buffer plain = { 0 }, records = { 0 };
    struct pair p;
    char received[64];
    start(w);
    pair_open(&p, w->tls, false, "");
    SSL_set_tlsext_host_name(p.client, "two.example");
    pair_run(&p, &plain);
    assert_string_equal(tls_channel_sni(p.server), "two.example");

    SSL_write(p.client, "<a/>", 4);
    SSL_write(p.client, "<b/>", 4);
    pair_run(&p, &plain);
    assert_true(text_is(buffer_text(&plain), "<a/><b/>"));

    tls_channel_send(p.server, "<c/>", 4, &records);
    tls_channel_close(p.server, &records);
    size_t size = records.size;
    tls_channel_close(p.server, &records);
    assert_int_equal(records.size, size); /* close_notify is sent once */
    BIO_write(p.to_client, records.data, (int)records.size);
    assert_int_equal(SSL_read(p.client, received, sizeof received), 4);
    assert_int_equal(SSL_read(p.client, received, sizeof received), 0);
    assert_int_equal(SSL_get_shutdown(p.client), SSL_RECEIVED_SHUTDOWN);
    SSL_write(p.client, "<d/>", 4);
    SSL_shutdown(p.client);
    plain.size = 0;
    pair_run(&p, &plain);
    assert_true(text_is(buffer_text(&plain), "<d/>"));
    assert_int_equal(p.result, TLS_CLOSED);
    pair_close(&p);
    buffer_fini(&plain);
    buffer_fini(&records);
}

static void damaged_records(void **state)
{
    struct world *w = *state;
    struct buffer plain = { 0 }, records = { 0 };
    char bytes[512];
    struct pair p;
    start(w);
    pair_open(&p, w->tls, false, "");
    pair_run(&p, &plain);
    SSL_write(p.client, "<a/>", 4);
    SSL_write(p.client, "<b/>", 4);
    int size = BIO_read(p.to_server, bytes, sizeof bytes);
    bytes[size - 1] ^= 1;
    enum tls_result result = tls_channel_receive(p.server, (struct text){ bytes, (size_t)size }, &plain, &records);
    assert_int_equal(result, TLS_FAILED);
    assert_true(text_is(buffer_text(&plain), "<a/>"));
    assert_string_equal(tls_channel_error(p.server), "decryption failed or bad record mac");
    assert_false(tls_channel_is_up(p.server));
    pair_close(&p);
    buffer_fini(&plain);
    buffer_fini(&records);
}

static void renegotiation_is_refused(void **state)
{
    struct world *w = *state;
    struct buffer plain = { 0 }, records = { 0 };
    char bytes[4096];
    struct pair p;
    start(w);
    pair_open(&p, w->tls, false, "");
    SSL_set_max_proto_version(p.client, TLS1_2_VERSION);
    pair_run(&p, &plain);
    SSL_renegotiate(p.client);
    SSL_do_handshake(p.client);
    int size = BIO_read(p.to_server, bytes, sizeof bytes);
    assert_true(size > 0);
    tls_channel_receive(p.server, (struct text){ bytes, (size_t)size }, &plain, &records);
    BIO_write(p.to_client, records.data, (int)records.size);
    assert_int_equal(SSL_do_handshake(p.client), -1);
    assert_string_equal(ERR_reason_error_string(ERR_peek_error()), "no renegotiation");
    pair_close(&p);
    buffer_fini(&plain);
    buffer_fini(&records);
}

/* The same bytes, one at a time: a channel keeps what is half a record. */
static void one_byte_at_a_time(void **state)
{
    struct world *w = *state;
    struct buffer plain = { 0 }, records = { 0 };
    struct pair p;
    char byte, received[64];
    start(w);
    pair_open(&p, w->tls, true, "");
    for (int turn = 0; turn < 8; turn++) {
        if (SSL_is_init_finished(p.client) && turn == 4)
            SSL_write(p.client, "<a/>", 4);
        SSL_read(p.client, received, sizeof received);
        while (BIO_read(p.to_server, &byte, 1) == 1) {
            struct text input = { &byte, 1 };
            if (!tls_channel_is_up(p.server))
                assert_int_equal(tls_channel_handshake(p.server, &input, &records), TLS_OK);
            if (input.size && tls_channel_is_up(p.server))
                assert_int_equal(tls_channel_receive(p.server, input, &plain, &records), TLS_OK);
        }
        BIO_write(p.to_client, records.data, (int)records.size);
        records.size = 0;
    }
    assert_true(text_is(buffer_text(&plain), "<a/>"));
    pair_close(&p);
    buffer_fini(&plain);
    buffer_fini(&records);
}

#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(versions),
        TLS_TEST(weak_ciphers_are_refused),
        TLS_TEST(certificates_by_name),
        TLS_TEST(names_are_those_of_the_first_when_there_is_one_file),
        TLS_TEST(reload),
        TLS_TEST(reload_between_two_copies),
        TLS_TEST(broken_files),
        TLS_TEST(old_certificates_are_said),
        TLS_TEST(bindings_are_equal_on_both_sides),
        TLS_TEST(bindings_that_do_not_exist),
        TLS_TEST(bindings_of_resumed_connections),
        TLS_TEST(protocols),
        TLS_TEST(client_certificates),
        TLS_TEST(client_certificates_are_not_asked_for_without_an_authority),
        TLS_TEST(data_and_close),
        TLS_TEST(damaged_records),
        TLS_TEST(renegotiation_is_refused),
        TLS_TEST(one_byte_at_a_time),
    };
    return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
