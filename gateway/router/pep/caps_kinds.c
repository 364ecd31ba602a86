/* caps_kinds.c - what is known of each kind of client: in memory, in Redis, or asked of one that says it. */
#include "gateway/router/pep/caps_kinds.h"

#include <stdlib.h>

#include "stanzabus/store_pep.h"

enum {
    KINDS_MAX = 4096,       /* in memory; beyond, the one met longest ago goes */
    WISHES_MAX = 8192,      /* bytes: names of nodes that one client may wish for */
    HASH_NAME_MAX = 32,     /* bytes */
    VER_MAX = 128,          /* bytes: base64 of 64 */
    NODE_MAX = 512,         /* bytes: the client's URI */
    ANSWER_WITHIN = 30 * 1000 /* ms */
};
#define QUESTION "caps:" /* begins the id of a question */

enum kind_state { KIND_LOOKING, KIND_ASKING, KIND_KNOWN };

struct kind {
    UT_hash_handle hh;
    struct router *router;
    enum kind_state state;
    bool is_looked_up; /* Redis will answer */
    char *wishes; /* owned; lines.  KIND_KNOWN */
    struct caps_waiter *waiting;
    struct caps_waiter *asked; /* KIND_ASKING: one of those */
    struct timer timer;        /* KIND_ASKING */
    struct caps_said said;     /* behind the struct: name, ':', ver: the key; then the node */
    char key[];
};

/* -- what presence says -- */

bool caps_read(const struct stanza *presence, struct caps_said *said)
{
    const struct element *c = element_child(presence->root, "c", XMLNS_CAPS);
    if (!c)
        return false;
    *said = (struct caps_said){ element_get(c, "hash"), element_get(c, "ver"), element_get(c, "node") };
    return said->name.size && said->name.size <= HASH_NAME_MAX && said->ver.size && said->ver.size <= VER_MAX &&
           !memchr(said->ver.data, ':', said->ver.size) && said->node.size <= NODE_MAX && caps_hash_is_known(said->name);
}

void caps_said_write(struct buffer *out, const struct caps_said *said)
{
    buffer_printf(out, "%.*s:%.*s:%.*s", TEXT_ARGS(said->name), TEXT_ARGS(said->ver), TEXT_ARGS(said->node));
}

static struct text take_part(struct text *text)
{
    const char *colon = text->size ? memchr(text->data, ':', text->size) : NULL;
    struct text part = { text->data, colon ? (size_t)(colon - text->data) : text->size };
    text->data += part.size + (colon != NULL);
    text->size -= part.size + (colon != NULL);
    return part;
}

bool caps_said_read(struct text written, struct caps_said *said)
{
    said->name = take_part(&written);
    said->ver = take_part(&written);
    said->node = written;
    return said->ver.size && caps_hash_is_known(said->name);
}

bool caps_question_read(struct text id, struct caps_said *said)
{
    struct text prefix = TEXT(QUESTION);
    if (!text_starts_with(id, prefix))
        return false;
    return caps_said_read((struct text){ id.data + prefix.size, id.size - prefix.size }, said) && !said->node.size;
}

/* -- kinds -- */

static struct kind *find_kind(struct router *router, const struct caps_said *said)
{
    struct kind *kind = NULL;
    struct buffer key = { 0 };
    buffer_printf(&key, "%.*s:%.*s", TEXT_ARGS(said->name), TEXT_ARGS(said->ver));
    HASH_FIND(hh, router->caps_kinds, key.data, key.size, kind);
    buffer_fini(&key);
    return kind;
}

static void kind_free(struct kind *kind)
{
    timer_stop(&kind->timer);
    HASH_DEL(kind->router->caps_kinds, kind);
    free(kind->wishes);
    free(kind);
}

static struct kind *kind_new(struct router *router, const struct caps_said *said)
{
    struct kind *kind = xcalloc(1, sizeof *kind + said->name.size + 1 + said->ver.size + said->node.size + 1);
    char *end = kind->key;
    kind->router = router;
    kind->said.name = (struct text){ end, said->name.size };
    end = mempcpy(end, said->name.data, said->name.size);
    *end++ = ':';
    kind->said.ver = (struct text){ end, said->ver.size };
    end = mempcpy(end, said->ver.data, said->ver.size);
    kind->said.node = (struct text){ end, said->node.size };
    if (said->node.size)
        memcpy(end, said->node.data, said->node.size);
    HASH_ADD(hh, router->caps_kinds, key, said->name.size + 1 + said->ver.size, kind);
    return kind;
}

/* Room for one more: the oldest that nobody waits for goes.  False: all are waited for. */
static bool make_room(struct router *router)
{
    struct kind *kind, *next;
    if (HASH_COUNT(router->caps_kinds) < KINDS_MAX)
        return true;
    HASH_ITER (hh, router->caps_kinds, kind, next) {
        if (kind->state != KIND_KNOWN || kind->is_looked_up)
            continue;
        kind_free(kind);
        return true;
    }
    return false;
}

static void take_out(struct caps_waiter *waiter)
{
    struct caps_waiter **link = &waiter->waits_for->waiting;
    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
    waiter->waits_for = NULL;
}

static void know(struct kind *kind, struct text wishes)
{
    timer_stop(&kind->timer);
    kind->state = KIND_KNOWN;
    kind->asked = NULL;
    free(kind->wishes);
    kind->wishes = text_dup(wishes);
    while (kind->waiting) {
        struct caps_waiter *waiter = kind->waiting;
        take_out(waiter);
        waiter->ops->told(kind->router, waiter, text_of(kind->wishes));
    }
}

/* -- asking a client (XEP-0115 6.2) -- */

static struct stanza *make_question(const struct kind *kind)
{
    struct stanza *iq = stanza_make("iq", XMLNS_CLIENT);
    struct arena *arena = &iq->arena;
    element_set(arena, iq->root, "type", TEXT("get"));
    element_set(arena, iq->root, "id",
                arena_printf(arena, QUESTION "%.*s:%.*s", TEXT_ARGS(kind->said.name), TEXT_ARGS(kind->said.ver)));
    struct element *query = element_add(arena, iq->root, TEXT("query"), TEXT(XMLNS_DISCO_INFO));
    element_set(arena, query, "node", arena_printf(arena, "%.*s#%.*s", TEXT_ARGS(kind->said.node), TEXT_ARGS(kind->said.ver)));
    return iq;
}

static void drop_waiter(struct kind *kind, struct caps_waiter *waiter)
{
    take_out(waiter);
    waiter->ops->dropped(kind->router, waiter);
}

static void on_unanswered(struct timer *timer);

/* Whose session ends over the question waits no more when it comes back, and may have gone. */
static void ask(struct kind *kind)
{
    kind->asked = NULL;
    kind->state = KIND_ASKING;
    while (kind->waiting) {
        struct caps_waiter *waiter = kind->waiting;
        struct stanza *question = make_question(kind);
        bool is_asked = waiter->ops->ask(kind->router, waiter, question);
        stanza_free(&question);
        if (kind->waiting != waiter)
            continue;
        if (is_asked) {
            kind->asked = waiter;
            timer_start(kind->router->parts->timers, &kind->timer, ANSWER_WITHIN, on_unanswered);
            return;
        }
        drop_waiter(kind, waiter);
    }
    kind_free(kind);
}

static void on_looked_up(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct kind *kind = ctx;
    kind->is_looked_up = false;
    if (kind->state == KIND_KNOWN)
        return; /* an answer was here first */
    if (status == BUS_OK && answer->row_count)
        know(kind, answer->rows[0].item);
    else
        ask(kind);
}

static void look_up(struct kind *kind)
{
    struct store *store = kind->router->parts->store;
    kind->state = KIND_LOOKING;
    kind->is_looked_up = true;
    store->pep->caps_get(store, kind->said.name, kind->said.ver, on_looked_up, kind);
}

/* The answer may have come to another node. */
static void on_unanswered(struct timer *timer)
{
    struct kind *kind = container_of(timer, struct kind, timer);
    struct caps_waiter *asked = kind->asked;
    kind->asked = NULL;
    drop_waiter(kind, asked);
    look_up(kind);
}

void caps_ask_another(struct caps_waiter *asked)
{
    struct kind *kind = asked->waits_for;
    timer_stop(&kind->timer);
    drop_waiter(kind, asked);
    ask(kind);
}

/* -- waiting -- */

bool caps_learn(struct router *router, const struct caps_said *said, struct caps_waiter *waiter)
{
    struct kind *kind = find_kind(router, said);
    if (kind && kind->state == KIND_KNOWN) {
        waiter->ops->told(router, waiter, text_of(kind->wishes));
        return true;
    }
    bool is_new = !kind;
    if (is_new && !make_room(router))
        return false;
    if (is_new)
        kind = kind_new(router, said);
    waiter->waits_for = kind;
    waiter->next = kind->waiting;
    kind->waiting = waiter;
    if (is_new)
        look_up(kind);
    return true;
}

/* A kind that nobody waits for any more is not asked for; one that is being looked up is freed by its answer. */
void caps_wait_no_more(struct caps_waiter *waiter)
{
    struct kind *kind = waiter->waits_for;
    if (!kind)
        return;
    take_out(waiter);
    if (kind->state == KIND_ASKING && kind->asked == waiter) {
        timer_stop(&kind->timer);
        ask(kind);
    }
}

struct text caps_known(struct router *router, const struct caps_said *said)
{
    const struct kind *kind = find_kind(router, said);
    return kind && kind->state == KIND_KNOWN ? text_of(kind->wishes) : (struct text){ 0 };
}

struct caps_waiter *caps_asked(struct router *router, const struct caps_said *said)
{
    const struct kind *kind = find_kind(router, said);
    return kind && kind->state == KIND_ASKING ? kind->asked : NULL;
}

/* -- answers -- */

bool caps_check(struct router *router, struct stanza *answer, const struct caps_said *said, struct buffer *wishes)
{
    const struct element *query = element_child(answer->root, "query", XMLNS_DISCO_INFO);
    if (!text_is(element_get(answer->root, "type"), "result") || !query ||
        !caps_verify(&answer->arena, query, said->name, said->ver)) {
        log_debug(router->parts->log, NULL, "caps-unverified", "ver=%s", log_quote(said->ver.data, said->ver.size));
        metric_add(router->parts->metrics, METRIC_CAPS_UNVERIFIED, 1);
        return false;
    }
    caps_wishes(query, wishes, WISHES_MAX);
    return true;
}

void caps_put(struct router *router, const struct caps_said *said, struct text wishes)
{
    struct store *store = router->parts->store;
    struct kind *kind = find_kind(router, said);
    store->pep->caps_put(store, said->name, said->ver, wishes);
    if (kind && kind->state != KIND_KNOWN)
        know(kind, wishes);
}

void caps_kinds_free(struct router *router)
{
    struct kind *kind, *next;
    HASH_ITER (hh, router->caps_kinds, kind, next) {
        while (kind->waiting)
            drop_waiter(kind, kind->waiting);
        kind_free(kind);
    }
}
