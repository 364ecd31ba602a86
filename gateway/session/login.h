/* login.h - one attempt to log in, as a SASL mechanism sees it: bytes in, bytes out.  What a mechanism needs from the
 * world it asks for by what it returns: the account of an address, or the hash of a password.  sasl.c (XML) and
 * legacy_auth.c (XEP-0078) drive it; it exists only while the attempt lasts. */
#ifndef STANZABUS_SESSION_LOGIN_H
#define STANZABUS_SESSION_LOGIN_H

#include "gateway/session/hash.h"
#include "stanzabus/jwt.h"
#include "stanzabus/stanza.h"
#include "stanzabus/transport.h"

enum login_step {
    LOGIN_CHALLENGE, /* send login->output, then call answer() with what comes back */
    LOGIN_ACCOUNT,   /* get the account of login->bare, login_set_account(), then call found() */
    LOGIN_ASK,       /* ask the service of auth.service about login->asked_secret; ask.c goes on */
    LOGIN_CREATE,    /* make an account without a password for login->bare, then as LOGIN_ACCOUNT */
    LOGIN_COUNT,     /* count one more new guest of this address, then call counted() */
    LOGIN_KEEP,      /* make login->token for login->client of login->bare, then call used() */
    LOGIN_TOKENS,    /* get the tokens of login->client, then call tokens() */
    LOGIN_USE,       /* login->token was proved: have the store note it, then call used() */
    LOGIN_HASH,      /* derive login->derived from login->password off the loop, then call hashed() */
    LOGIN_SUCCESS,   /* login->bare is logged in; login->output is additional data with success */
    LOGIN_FAILURE    /* login->condition and login->reason say why */
};

enum { LOGIN_CERTIFICATE_JIDS_MAX = 8 };

struct login;
struct mechanism {
    const char *name;
    enum credential_hash hash;
    bool is_plus;   /* needs channel binding */
    bool is_guests; /* only on auth.anonymous_domain, and nothing else there */
    bool is_token;  /* for whoever has a token (XEP-0484), guests too */
    int binding;    /* is_token: enum channel_binding, or -1 for none */
    bool needs_certificate;
    bool needs_jwt;  /* keys for JSON Web Tokens, or a service that decides */
    bool needs_keys; /* those of the account: no service can decide */
    enum login_step (*answer)(struct login *login, struct text input);
    enum login_step (*found)(struct login *login);  /* NULL where LOGIN_ACCOUNT is never returned */
    enum login_step (*hashed)(struct login *login); /* the same for LOGIN_HASH */
    enum login_step (*tokens)(struct login *login, const struct login_token *fresh, const struct login_token *current);
    enum login_step (*used)(struct login *login, bool is_done);
    enum login_step (*counted)(struct login *login, bool is_within);
};
extern const struct mechanism mechanism_scram_sha256_plus, mechanism_scram_sha256, mechanism_scram_sha1_plus,
    mechanism_scram_sha1, mechanism_plain, mechanism_external, mechanism_anonymous, mechanism_oauthbearer,
    mechanism_ht_none, mechanism_ht_expr,
    mechanism_ht_endp;

struct login_binding {
    int size; /* -1: the connection has none of this kind */
    unsigned char bytes[64];
};

struct login_profile; /* session_state.h: SASL, SASL2 or XEP-0078 */

struct login {
    const struct mechanism *mechanism;
    const struct login_profile *profile;
    struct arena arena;     /* all texts below and the mechanism's own state */
    struct stanza *request; /* owned: XEP-0078's iq, SASL2's <authenticate/>; NULL with SASL */

    /* What the mechanism is given. */
    struct text domain;              /* of the stream */
    struct text nonce;               /* 120 random bits as lower-case letters and digits, made for this attempt */
    struct text advertised;          /* what XEP-0474 hashes: the mechanisms and bindings that were announced; empty: not told */
    struct text claimed;             /* the bare JID in the stream header's from; empty: none */
    bool is_for_guests;              /* the domain is that of guests */
    const unsigned char *secret;     /* of all nodes, 32 bytes */
    int64_t wall_ms;
    struct text client; /* the id of the client's installation (XEP-0388), a UUID; empty: it said none */
    int64_t count;      /* XEP-0484: -1 when none was said */
    bool ends_token;    /* XEP-0484 3.6 */
    const struct jwt_keys *const *jwt_keys; /* NULL: no tokens are taken */
    struct jwt_rules jwt_rules;
    bool takes_jwt_for_password;
    bool may_create;   /* an account that a token names */
    bool asks_service; /* auth.service decides */
    bool offered_binding;            /* mechanisms with channel binding were announced */
    struct login_binding binding[2]; /* by enum channel_binding; filled for is_plus */
    struct text certificate_jids[LOGIN_CERTIFICATE_JIDS_MAX];
    int certificate_count;
    bool has_account; /* the name exists; only for mechanisms whose proof is not in the account */
    struct account account;    /* after LOGIN_ACCOUNT */
    bool is_known;             /* account is a real one, not login_set_account's stand-in */
    struct scram_keys derived; /* LOGIN_HASH: salt and iterations go in, keys come out */

    /* What it gives back. */
    struct text bare;     /* who wants in; set as soon as it is known, also for logs */
    struct text password; /* prepared, LOGIN_HASH */
    struct login_token token; /* LOGIN_USE */
    struct text asked_secret, asked_authzid; /* LOGIN_ASK */
    bool asks_by_token;
    int64_t expires_ms;       /* Unix time: the session ends then; 0: it does not */
    bool by_token;            /* the proof was a JSON Web Token */
    enum credential_hash derived_hash;
    struct text resource; /* XEP-0078: prepared */
    struct text output;
    enum sasl_condition condition;
    const char *reason; /* for the log and the bus: a stable word */

    void *state; /* the mechanism's, in the arena */
    unsigned round;
};

struct login *login_new(const struct mechanism *mechanism, struct text domain);
/* Wipes the password. */
void login_free(struct login **login);

/* account NULL: there is none.  Then the mechanism goes on with keys that fit no password, and whose salt is always the
 * same for one name, so that it costs and looks the same (RFC 5802 9). */
void login_set_account(struct login *login, const struct account *account, const unsigned char secret[32],
                       unsigned iterations);
/* The stored keys of a hash.  Where the account lacks it, this is again a stand-in. */
const struct scram_keys *login_keys(const struct login *login, enum credential_hash hash);

enum login_step login_fail(struct login *login, enum sasl_condition condition, const char *reason);
/* After the proof was right: success unless the account is disabled or was a stand-in. */
enum login_step login_succeed(struct login *login);
/* Sets login->bare from a name that the client typed (UsernameCaseMapped); false when no account can be called so. */
bool login_set_name(struct login *login, struct text name);
/* An authorization identity as the client gave it: empty, or the address itself (RFC 6120 6.3.8), and not another one than
 * the stream header claimed (XEP-0388 2.6.5). */
bool login_may_act_as(struct login *login, struct text authzid);
/* Whether two runs of bytes are the same, in a time that does not tell where they differ. */
bool login_is_same(const void *a, const void *b, size_t size);

/* XEP-0078 brings name and password in its own form; goes on as PLAIN does. */
enum login_step plain_begin(struct login *login, struct text name, struct text password);

#endif
