/* scram.c - SCRAM with SHA-1 and SHA-256, with and without channel binding (RFC 5802, RFC 7677, RFC 9266).
 *   client  n,,n=user,r=CLIENT            gs2 header, client-first-message-bare
 *   server  r=CLIENTSERVER,s=SALT,i=N,h=HASH   after the account is found; h: of what was announced (XEP-0474)
 *   client  c=BINDING,r=CLIENTSERVER,p=PROOF
 *   server  v=SIGNATURE                   with <success/> */
#include "gateway/session/login.h"

struct scram {
    struct text gs2;        /* with its closing comma: what c= must begin with */
    struct text first_bare; /* of the client */
    struct text nonce;      /* both halves */
    struct text server_first;
    const struct login_binding *binding; /* NULL without */
};

static enum login_step malformed(struct login *login)
{
    return login_fail(login, SASL_ERROR_MALFORMED_REQUEST, "malformed-request");
}

/* Takes "x=value" up to the next comma off the front, with the comma; false when another attribute stands there. */
static bool take_attribute(struct text *rest, char name, struct text *value)
{
    if (rest->size < 2 || rest->data[0] != name || rest->data[1] != '=')
        return false;
    const char *start = rest->data + 2, *end = rest->data + rest->size;
    const char *comma = memchr(start, ',', (size_t)(end - start));
    *value = (struct text){ start, (size_t)((comma ? comma : end) - start) };
    rest->data = comma ? comma + 1 : end;
    rest->size = (size_t)(end - rest->data);
    return true;
}

/* saslname: "=2C" is a comma, "=3D" the sign itself; any other "=" is an error (RFC 5802 5.1). */
static bool decode_name(struct arena *arena, struct text encoded, struct text *out)
{
    char *copy = arena_alloc(arena, encoded.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < encoded.size; i++) {
        char c = encoded.data[i];
        if (c == '=') {
            struct text code = { encoded.data + i, 3 };
            if (encoded.size - i < 3 || !(text_is(code, "=2C") || text_is(code, "=3D")))
                return false;
            c = code.data[2] == 'C' ? ',' : '=';
            i += 2;
        }
        copy[size++] = c;
    }
    *out = (struct text){ copy, size };
    return true;
}

static bool is_nonce(struct text nonce)
{
    for (size_t i = 0; i < nonce.size; i++)
        if (nonce.data[i] < 0x21 || nonce.data[i] > 0x7e) /* ',' cannot be in it any more */
            return false;
    return nonce.size > 0;
}

static const struct login_binding *find_binding(const struct login *login, struct text name)
{
    const struct login_binding *binding = NULL;
    if (text_is(name, "tls-exporter"))
        binding = &login->binding[BINDING_TLS_EXPORTER];
    else if (text_is(name, "tls-server-end-point"))
        binding = &login->binding[BINDING_TLS_SERVER_END_POINT];
    return binding && binding->size >= 0 ? binding : NULL;
}

/* The flag in front: n, y or p=name (RFC 5802 6).  "y" says that the client saw no PLUS: if there was one, somebody
 * between took it away. */
static enum login_step take_flag(struct login *login, struct scram *scram, struct text *rest)
{
    struct text name;
    if (take_attribute(rest, 'p', &name)) {
        if (!login->mechanism->is_plus)
            return malformed(login);
        scram->binding = find_binding(login, name);
        /* No guess at a password, so none is counted: the client tries its next mechanism. */
        return scram->binding ? LOGIN_CHALLENGE
                              : login_fail(login, SASL_ERROR_INVALID_MECHANISM, "unknown-channel-binding");
    }
    if (rest->size < 2 || (rest->data[0] != 'n' && rest->data[0] != 'y') || rest->data[1] != ',' ||
        login->mechanism->is_plus)
        return malformed(login);
    bool was_stripped = rest->data[0] == 'y' && login->offered_binding;
    rest->data += 2;
    rest->size -= 2;
    return was_stripped ? login_fail(login, SASL_ERROR_NOT_AUTHORIZED, "channel-binding-stripped") : LOGIN_CHALLENGE;
}

static enum login_step client_first(struct login *login, struct scram *scram, struct text input)
{
    struct text rest = input, authzid = { NULL, 0 }, name, nonce;

    enum login_step step = take_flag(login, scram, &rest);
    if (step == LOGIN_FAILURE)
        return step;
    if (!take_attribute(&rest, 'a', &authzid)) {
        if (rest.size == 0 || rest.data[0] != ',')
            return malformed(login);
        rest.data++;
        rest.size--;
    }
    scram->gs2 = (struct text){ input.data, input.size - rest.size };
    scram->first_bare = rest;
    if (scram->gs2.data[scram->gs2.size - 1] != ',' || !take_attribute(&rest, 'n', &name) ||
        !take_attribute(&rest, 'r', &nonce) || !is_nonce(nonce) || !decode_name(&login->arena, name, &name) ||
        !decode_name(&login->arena, authzid, &authzid))
        return malformed(login);

    scram->nonce = arena_printf(&login->arena, "%.*s%.*s", TEXT_ARGS(nonce), TEXT_ARGS(login->nonce));
    if (!login_set_name(login, name))
        return login_fail(login, SASL_ERROR_NOT_AUTHORIZED, "not-a-name");
    if (!login_may_act_as(login, authzid))
        return login_fail(login, SASL_ERROR_INVALID_AUTHZID, "invalid-authzid");
    return LOGIN_ACCOUNT;
}

static enum login_step server_first(struct login *login)
{
    struct scram *scram = login->state;
    const struct scram_keys *keys = login_keys(login, login->mechanism->hash);
    char salt[(SCRAM_SALT_MAX + 2) / 3 * 4 + 1];

    unsigned char digest[HASH_MAX];
    char announced[(HASH_MAX + 2) / 3 * 4 + 1];

    hash_digest(login->mechanism->hash, login->advertised.data, login->advertised.size, digest);
    credential_base64(announced, sizeof announced, digest, hash_size(login->mechanism->hash));
    credential_base64(salt, sizeof salt, keys->salt, keys->salt_size);
    scram->server_first =
        arena_printf(&login->arena, "r=%.*s,s=%s,i=%u%s%s", TEXT_ARGS(scram->nonce), salt, keys->iterations,
                     login->advertised.size ? ",h=" : "", login->advertised.size ? announced : "");
    login->output = scram->server_first;
    return LOGIN_CHALLENGE;
}

/* c= carries the header that was sent at first, in the open, and the bytes of the binding. */
static bool binding_is_right(struct login *login, const struct scram *scram, struct text encoded)
{
    size_t binding_size = scram->binding ? (size_t)scram->binding->size : 0, size = scram->gs2.size + binding_size;
    unsigned char *given = arena_alloc(&login->arena, encoded.size + 1);

    if (credential_base64_decode(given, encoded.size, encoded) != (long)size)
        return false;
    if (memcmp(given, scram->gs2.data, scram->gs2.size) != 0)
        return false;
    return !binding_size || login_is_same(given + scram->gs2.size, scram->binding->bytes, binding_size);
}

/* ClientKey = proof XOR HMAC(StoredKey, AuthMessage); its hash must be the StoredKey. */
static bool proof_is_right(const struct scram_keys *keys, enum credential_hash hash, struct text message,
                           const unsigned char *proof)
{
    unsigned char key[HASH_MAX], stored[HASH_MAX];
    size_t size = hash_size(hash);
    hash_mac(hash, keys->stored_key, size, message, key);
    for (size_t i = 0; i < size; i++)
        key[i] ^= proof[i];
    hash_digest(hash, key, size, stored);
    return login_is_same(stored, keys->stored_key, size);
}

static struct text server_final(struct login *login, const struct scram_keys *keys, struct text message)
{
    unsigned char signature[HASH_MAX];
    char encoded[(HASH_MAX + 2) / 3 * 4 + 1];
    enum credential_hash hash = login->mechanism->hash;
    hash_mac(hash, keys->server_key, hash_size(hash), message, signature);
    credential_base64(encoded, sizeof encoded, signature, hash_size(hash));
    return arena_printf(&login->arena, "v=%s", encoded);
}

static enum login_step client_final(struct login *login, struct scram *scram, struct text input)
{
    enum credential_hash hash = login->mechanism->hash;
    struct text rest = input, binding, nonce, proof = { NULL, 0 }, extension;
    unsigned char proof_bytes[HASH_MAX];
    size_t without_proof = 0;

    if (!take_attribute(&rest, 'c', &binding) || !take_attribute(&rest, 'r', &nonce))
        return malformed(login);
    while (rest.size && !proof.data) {
        without_proof = input.size - rest.size - 1; /* up to the comma in front */
        if (!take_attribute(&rest, 'p', &proof) &&
            (rest.data[0] == 'm' || !take_attribute(&rest, rest.data[0], &extension)))
            return malformed(login);
    }
    if (!proof.data || rest.size || input.data[input.size - 1] == ',' ||
        credential_base64_decode(proof_bytes, hash_size(hash), proof) != (long)hash_size(hash))
        return malformed(login);
    if (!binding_is_right(login, scram, binding))
        return login_fail(login, SASL_ERROR_NOT_AUTHORIZED, "wrong-channel-binding");
    if (!text_equal(nonce, scram->nonce))
        return login_fail(login, SASL_ERROR_NOT_AUTHORIZED, "wrong-nonce");

    struct text message = arena_printf(&login->arena, "%.*s,%.*s,%.*s", TEXT_ARGS(scram->first_bare),
                                       TEXT_ARGS(scram->server_first), (int)without_proof, input.data);
    const struct scram_keys *keys = login_keys(login, hash);
    if (!proof_is_right(keys, hash, message, proof_bytes))
        return login_fail(login, SASL_ERROR_NOT_AUTHORIZED, login->is_known ? "wrong-password" : "unknown-account");
    login->output = server_final(login, keys, message);
    return login_succeed(login);
}

static enum login_step answer(struct login *login, struct text input)
{
    if (memchr(input.data ? input.data : "", '\0', input.size))
        return malformed(login);
    if (!login->state) {
        login->state = memset(arena_alloc(&login->arena, sizeof(struct scram)), 0, sizeof(struct scram));
        return client_first(login, login->state, input);
    }
    return client_final(login, login->state, input);
}

const struct mechanism mechanism_scram_sha256_plus = {
    .name = "SCRAM-SHA-256-PLUS", .hash = HASH_SHA256, .is_plus = true, .needs_keys = true, .answer = answer, .found = server_first
};
const struct mechanism mechanism_scram_sha256 = {
    .name = "SCRAM-SHA-256", .hash = HASH_SHA256, .needs_keys = true, .answer = answer, .found = server_first
};
const struct mechanism mechanism_scram_sha1_plus = {
    .name = "SCRAM-SHA-1-PLUS", .hash = HASH_SHA1, .is_plus = true, .needs_keys = true, .answer = answer, .found = server_first
};
const struct mechanism mechanism_scram_sha1 = {
    .name = "SCRAM-SHA-1", .hash = HASH_SHA1, .needs_keys = true, .answer = answer, .found = server_first
};
