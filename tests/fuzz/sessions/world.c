/* world.c - a world for each input: as main.c begins and ends a node. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stanzabus/credential.h"
#include "tests/fuzz/sessions/world.h"
#include "tests/unit/jwt/signer.h"

struct world world;
struct buffer jwts[2];

static struct account known; /* with the password "p" */
static struct jwt_keys *jwt_keys;

void copy_text(char *out, size_t room, struct text text)
{
    snprintf(out, room, "%.*s", TEXT_ARGS(text));
}

enum twist world_take_twist(void)
{
    enum twist twist = world.twist;
    world.twist = NO_TWIST;
    return twist;
}

static int64_t wall_ms(void *ctx)
{
    (void)ctx;
    return 1795000000000 + world.now_ms;
}

static void complain(void *ctx, const struct config_error *error)
{
    (void)ctx;
    fprintf(stderr, "%s\n", error->text);
}

static struct config *load(bool asks_service)
{
    static const char *const sets[] = { "domain=one.example",
                                        "auth.anonymous_domain=guests.example",
                                        "auth.allow_plaintext=on",
                                        "auth.mechanisms=SCRAM-SHA-256-PLUS,SCRAM-SHA-1-PLUS,SCRAM-SHA-256,SCRAM-SHA-1,EXTERNAL,OAUTHBEARER,PLAIN",
                                        "auth.legacy=on",
                                        "auth.registration=on",
                                        "auth.fast_unbound=on",
                                        "auth.jwt_plain=on",
                                        "auth.jwt_create=on",
                                        "limits.sessions_per_account=3",
                                        "limits.detached_sessions=2",
                                        "limits.guests_per_address=6",
                                        "limits.registrations=6",
                                        "limits.stanza_bytes=20000",
                                        "limits.client_queue=64k",
                                        "limits.sm_queue=100",
                                        "limits.sm_bytes=200k",
                                        "services.domains=login.example",
                                        "auth.service=login.example" };
    size_t count = sizeof sets / sizeof sets[0] - (asks_service ? 0 : 2);
    struct config *config = config_load(NULL, NULL, sets, count, complain, NULL);
    if (!config)
        abort();
    config->auth_iterations = 1; /* less than may be set: hashing is not what is tried here */
    return config;
}

static struct config *configs[2];

static void begin_all(void)
{
    static const char *const claims[] = { "{\"sub\":\"a\",\"exp\":4000000000}", "{\"sub\":\"new\",\"exp\":4000000000}" };
    char error[256];
    for (int i = 0; i < 2; i++) {
        configs[i] = load(i == 1);
        signer_token(&jwts[i], "{\"alg\":\"HS256\"}", claims[i], NULL, TEXT(SIGNER_SECRET));
    }
    jwt_keys = jwt_keys_read(TEXT(SIGNER_SECRET), TEXT(""), error, sizeof error);
    if (!jwt_keys || credential_derive(&known, TEXT("p"), 1) != 0)
        abort();
    known.generation = 1;
}

void world_begin(bool asks_service)
{
    if (!configs[0])
        begin_all();
    world = (struct world){ .config = configs[asks_service], .now_ms = 1000, .log = { LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, NULL, NULL } };
    world.last = &world.first;
    world.bus.ops = &bus_ops;
    world.store = (struct store){ .ops = &store_ops, .login = &login_ops, .sm = &sm_ops };
    world.parts = (struct parts){ .config = world.config,
                                  .bus = &world.bus,
                                  .store = &world.store,
                                  .timers = timers_new(world.now_ms),
                                  .streams = stream_pool_new(),
                                  .metrics = &world.metrics,
                                  .log = &world.log,
                                  .node = TEXT("n1"),
                                  .wall_ms = wall_ms,
                                  .jwt_keys = asks_service ? NULL : jwt_keys,
                                  .secret = "a secret of thirty-two bytes ..." };
    for (int i = 0; i < 2; i++) {
        world.accounts[i].account = known;
        snprintf(world.accounts[i].bare, sizeof world.accounts[i].bare, "%s@one.example", names[i]);
    }
    world.sessions = sessions_new(&world.parts, &router_callbacks, NULL);
}

static void end_lines(void)
{
    for (int i = 0; i < LINES_MAX; i++)
        if (world.lines[i].is_used)
            line_end(&world.lines[i]);
    while (world.asked_count)
        router_answer_login(LOGIN_UNKNOWN, TEXT(""));
}

/* Redis is there: then no row of this node is left but of those that may be resumed, nor a subscription. */
static void end_well(void)
{
    world.is_away = world.bus.is_away = false;
    world.twist = NO_TWIST;
    for (int i = 0; i < 4; i++) {
        answer_all();
        sessions_turn(world.sessions);
        world.now_ms += 3000;
        timers_advance(world.parts.timers, world.now_ms);
    }
    assert(sessions_are_unbound(world.sessions) && sessions_count(world.sessions) == 0);
    for (int i = 0; i < CHANNELS_MAX; i++)
        assert(world.channels[i].count == 0);
    for (int i = 0; i < ROWS_MAX; i++)
        assert(world.rows[i].state != ROW_LIVE || world.rows[i].is_detached || strcmp(world.rows[i].node, "n1") != 0);
}

static void end_badly(void)
{
    while (world.job_count)
        pool_end_job(false);
    while (answer_one(BUS_AWAY))
        while (world.job_count)
            pool_end_job(false);
}

void world_end(bool is_well)
{
    node_stop();
    sessions_turn(world.sessions);
    end_lines();
    if (is_well)
        end_well();
    else
        end_badly();
    sessions_free(&world.sessions);
    assert(!world.first && !world.job_count);
    for (int i = 0; i < ROWS_MAX; i++)
        row_free_lines(&world.rows[i]);
    stream_pool_free(&world.parts.streams);
    timers_free(&world.parts.timers);
}
