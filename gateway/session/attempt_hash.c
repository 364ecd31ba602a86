/* attempt_hash.c - the password of an attempt to log in is hashed, off the loop. */
#include <stdlib.h>

#include <openssl/crypto.h>

#include "gateway/session/session_state.h"

struct hash_job {
    struct work_job job;
    struct session *session;
    enum credential_hash hash;
    struct scram_keys keys;
    bool is_done;
    size_t password_size;
    char password[];
};

static void run_hash(struct work_job *job)
{
    struct hash_job *hash = container_of(job, struct hash_job, job);
    hash->is_done =
        credential_derive_keys(&hash->keys, hash->hash, (struct text){ hash->password, hash->password_size }) == 0;
}

static void free_hash(struct hash_job *hash)
{
    OPENSSL_cleanse(hash, sizeof *hash + hash->password_size);
    free(hash);
}

static void on_hashed(struct work_job *job)
{
    struct hash_job *hash = container_of(job, struct hash_job, job);
    struct session *session = hash->session;
    if (session->state != STATE_ENDED) {
        struct login *login = session->negotiation->login;
        login->derived = hash->keys;
        if (hash->is_done)
            attempt_step(session, login->mechanism->hashed(login));
        else
            attempt_fail(session, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "not-hashed");
    }
    free_hash(hash);
    session_step_done(session);
}

void attempt_start_hash(struct session *session)
{
    const struct parts *parts = session->sessions->parts;
    const struct login *login = session->negotiation->login;
    struct hash_job *hash = xcalloc(1, sizeof *hash + login->password.size);

    hash->job = (struct work_job){ .run = run_hash, .done = on_hashed };
    hash->session = session;
    hash->hash = login->derived_hash;
    hash->keys = login->derived;
    hash->password_size = login->password.size;
    memcpy(hash->password, login->password.data, login->password.size);
    session_step_begin(session);
    if (work_submit(parts->work, &hash->job) == 0)
        return;
    metric_add(parts->metrics, METRIC_WORK_REFUSED, 1);
    free_hash(hash);
    attempt_fail(session, SASL_ERROR_TEMPORARY_AUTH_FAILURE, "too-many-logins");
    session_step_done(session);
}
