/* caps_abroad.c - resources of contacts at other servers, and of components.  Their presence comes to whatever node, so what is
 * known of them is the store's; what their kind of client wishes for is learned as that of sessions here is, by a question in
 * the account's name.  Then they get the last items that are new to them (XEP-0163 4.3.4). */
#include "gateway/router/pep/caps_kinds.h"

#include <stdlib.h>

#include "gateway/router/pep/pubsub.h"

enum { LEARNED_MAX = 1024 }; /* at a time; the others' turn comes with their next presence, or with what is published next */

struct abroad { /* a resource whose presence the store was told of, or whose kind is being learned */
    struct caps_waiter waiter;
    UT_hash_handle hh; /* while it is being learned */
    struct router *router;
    char *wishes;    /* owned; lines */
    bool is_its_own; /* the wishes are from its own answer */
    struct text bare, address, kind; /* of key */
    size_t key_size;
    char key[];
};

static struct abroad *abroad_new(struct router *router, struct text bare, struct text address, struct text kind)
{
    struct abroad *abroad = xcalloc(1, sizeof *abroad + bare.size + 1 + address.size + 1 + kind.size);
    char *end = abroad->key;
    abroad->router = router;
    abroad->bare = (struct text){ end, bare.size };
    end = mempcpy(end, bare.data, bare.size);
    *end++ = '\n';
    abroad->address = (struct text){ end, address.size };
    end = mempcpy(end, address.data, address.size);
    *end++ = '\n';
    abroad->kind = (struct text){ end, kind.size };
    end = mempcpy(end, kind.data, kind.size);
    abroad->key_size = (size_t)(end - abroad->key);
    return abroad;
}

static void abroad_free(struct abroad *abroad)
{
    free(abroad->wishes);
    free(abroad);
}

static void tell_store(const struct abroad *abroad, enum pep_abroad_how how, store_pep_fn *fn, void *ctx)
{
    struct store *store = abroad->router->parts->store;
    struct arena arena = { 0 };
    struct jid jid;
    if (jid_parse(&arena, abroad->address, &jid) == 0) {
        struct pep_abroad request = { .bare = abroad->bare,
                                      .contact = jid_bare(&jid),
                                      .resource = jid_resource(&jid),
                                      .how = how,
                                      .kind = abroad->kind,
                                      .nodes = abroad->wishes ? text_of(abroad->wishes) : TEXT("") };
        store->pep->abroad(store, &request, fn, ctx);
    } else if (fn) {
        fn(ctx, BUS_FAILED, NULL);
    }
    arena_fini(&arena);
}

/* -- learned -- */

/* Those of the wish that were not wished for before. */
static void send_last(struct abroad *abroad, struct text before)
{
    struct buffer nodes = { 0 };
    pubsub_append_new(&nodes, text_of(abroad->wishes), before);
    if (nodes.size)
        pubsub_last_abroad(abroad->router, abroad->bare, abroad->address, buffer_text(&nodes));
    buffer_fini(&nodes);
}

static void on_learned(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct abroad *abroad = ctx;
    struct caps_said said;
    if (status == BUS_OK && answer->result == PEP_DONE) {
        send_last(abroad, answer->config);
        if (abroad->is_its_own && caps_said_read(abroad->kind, &said))
            caps_put(abroad->router, &said, text_of(abroad->wishes));
    }
    abroad_free(abroad);
}

static void learned(struct abroad *abroad, struct text wishes)
{
    abroad->wishes = text_dup(wishes);
    tell_store(abroad, PEP_ABROAD_LEARNED, on_learned, abroad);
}

/* -- as one that waits for what is known of its kind -- */

static bool ask(struct router *router, struct caps_waiter *waiter, struct stanza *question)
{
    struct abroad *abroad = container_of(waiter, struct abroad, waiter);
    struct stanza *copy = stanza_copy(question);
    element_set(&copy->arena, copy->root, "from", arena_text(&copy->arena, abroad->bare));
    element_set(&copy->arena, copy->root, "to", arena_text(&copy->arena, abroad->address));
    router_say(router, copy);
    return true;
}

static void told(struct router *router, struct caps_waiter *waiter, struct text wishes)
{
    struct abroad *abroad = container_of(waiter, struct abroad, waiter);
    HASH_DEL(router->caps_abroad, abroad);
    learned(abroad, wishes);
}

static void dropped(struct router *router, struct caps_waiter *waiter)
{
    struct abroad *abroad = container_of(waiter, struct abroad, waiter);
    HASH_DEL(router->caps_abroad, abroad);
    abroad_free(abroad);
}

static const struct caps_waiter_ops abroad_ops = { ask, told, dropped };

void caps_abroad_learn(struct router *router, struct text bare, struct text address, struct text kind)
{
    struct caps_said said;
    struct abroad *abroad = abroad_new(router, bare, address, kind), *other;
    HASH_FIND(hh, router->caps_abroad, abroad->key, abroad->key_size, other);
    if (other || !caps_said_read(abroad->kind, &said)) {
        abroad_free(abroad);
        return;
    }
    abroad->waiter.ops = &abroad_ops;
    HASH_ADD(hh, router->caps_abroad, key, abroad->key_size, abroad);
    if (HASH_COUNT(router->caps_abroad) > LEARNED_MAX || !caps_learn(router, &said, &abroad->waiter)) {
        metric_add(router->parts->metrics, METRIC_CAPS_ABROAD_DROPS, 1);
        dropped(router, &abroad->waiter);
    }
}

/* -- presence, and what tells that a resource has gone -- */

static void on_said(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct abroad *abroad = ctx;
    struct metrics *metrics = abroad->router->parts->metrics;
    if (status != BUS_OK)
        metric_add(metrics, METRIC_CAPS_ABROAD_DROPS, 1);
    else if (answer->result == PEP_TO_LEARN)
        caps_abroad_learn(abroad->router, abroad->bare, abroad->address, abroad->kind);
    if (status == BUS_OK)
        metric_add(metrics, METRIC_CAPS_ABROAD_DROPS, answer->total);
    abroad_free(abroad);
}

static void note(struct router *router, struct text bare, struct text address, enum pep_abroad_how how)
{
    struct abroad *abroad = abroad_new(router, bare, address, TEXT(""));
    tell_store(abroad, how, NULL, NULL);
    abroad_free(abroad);
}

void caps_abroad_presence(struct router *router, const struct stanza *presence, const struct jid *to)
{
    struct text type = element_get(presence->root, "type"), from = element_get(presence->root, "from");
    struct caps_said said;
    if (type.data) {
        note(router, jid_bare(to), from, PEP_ABROAD_GONE); /* unavailable, or an error */
        return;
    }
    if (!caps_read(presence, &said))
        return; /* what was said before still holds */
    struct buffer kind = { 0 };
    caps_said_write(&kind, &said);
    struct abroad *abroad = abroad_new(router, jid_bare(to), from, buffer_text(&kind));
    buffer_fini(&kind);
    tell_store(abroad, PEP_ABROAD_SAID, on_said, abroad);
}

static void on_came(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct abroad *abroad = ctx;
    if (status == BUS_OK && answer->result == PEP_TO_LEARN)
        caps_abroad_learn(abroad->router, abroad->bare, abroad->address, answer->config);
    abroad_free(abroad);
}

void caps_abroad_probe(struct router *router, const struct stanza *probe, const struct jid *to)
{
    struct abroad *abroad = abroad_new(router, jid_bare(to), element_get(probe->root, "from"), TEXT(""));
    tell_store(abroad, PEP_ABROAD_CAME, on_came, abroad);
}

void caps_abroad_missed(struct router *router, const struct stanza *stanza)
{
    struct text from = element_get(stanza->root, "from"), to = element_get(stanza->root, "to");
    bool is_notification = stanza->kind == STANZA_MESSAGE && text_is(element_get(stanza->root, "type"), "headline") &&
                           element_child(stanza->root, "event", XMLNS_PUBSUB_EVENT);
    if (is_notification && !memchr(from.data, '/', from.size))
        note(router, from, to, PEP_ABROAD_MISSED);
}

void caps_abroad_bounced(struct router *router, const struct stanza *stanza, const struct jid *to)
{
    static const char *const conditions[] = { "gone", "item-not-found", "recipient-unavailable", "service-unavailable" };
    const struct element *error = element_child(stanza->root, "error", XMLNS_CLIENT);
    for (size_t i = 0; error && i < sizeof conditions / sizeof *conditions; i++)
        if (element_child(error, conditions[i], XMLNS_STANZA_ERRORS)) {
            note(router, jid_bare(to), element_get(stanza->root, "from"), PEP_ABROAD_GONE);
            return;
        }
}

/* -- answers: to any node -- */

static bool is_asked(const struct caps_waiter *waiter, struct text bare, struct text address)
{
    if (!waiter || waiter->ops != &abroad_ops)
        return false;
    const struct abroad *abroad = container_of(waiter, struct abroad, waiter);
    return text_equal(abroad->bare, bare) && text_equal(abroad->address, address);
}

/* Whoever asked may be another node: then the account's entry says that this was asked for. */
static void take_answer(struct router *router, const struct caps_said *said, struct text bare, struct text address,
                        struct text wishes)
{
    struct buffer kind = { 0 };
    caps_said_write(&kind, said);
    struct abroad *abroad = abroad_new(router, bare, address, buffer_text(&kind));
    buffer_fini(&kind);
    abroad->is_its_own = true;
    learned(abroad, wishes);
}

bool caps_abroad_answer(struct router *router, struct stanza *stanza)
{
    struct text bare = element_get(stanza->root, "to"), address = element_get(stanza->root, "from");
    struct caps_said said;
    if (!caps_question_read(element_get(stanza->root, "id"), &said))
        return false;
    struct caps_waiter *asked = caps_asked(router, &said);
    bool is_mine = is_asked(asked, bare, address);
    struct buffer wishes = { 0 };
    bool is_good = caps_check(router, stanza, &said, &wishes);
    if (is_good && is_mine)
        caps_put(router, &said, buffer_text(&wishes));
    else if (is_good)
        take_answer(router, &said, bare, address, buffer_text(&wishes));
    else if (is_mine)
        caps_ask_another(asked);
    buffer_fini(&wishes);
    return true;
}
