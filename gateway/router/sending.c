/* sending.c - the sender's own side of a message: its archive (XEP-0313) and copies for its other resources (XEP-0280),
 * written in one step on the sender's own keys, when there is anything to write. */
#include "gateway/router/keeping.h"
#include "gateway/router/resident.h"

/* Longer than a client may take to resume (XEP-0198), or a command to be asked again (redis.wait). */
enum { STREAM_SECONDS = 1800 };

static unsigned stream_seconds(const struct router *router)
{
    return STREAM_SECONDS + (unsigned)(router->parts->config->sm_resume_ms / 1000);
}

void sending_number(struct router *router, const struct sender *sender, struct deliver *deliver)
{
    deliver->stream_seconds = stream_seconds(router);
    if (sender->kind == SENDER_CLIENT && sender->number && sender->session) {
        deliver->stream = session_uid(sender->session);
        deliver->number = sender->number;
    } else {
        deliver->stream = router->parts->node;
        deliver->number = ++router->said;
    }
}

struct archive_settings archive_settings(const struct router *router)
{
    static const char letters[] = { [ARCHIVE_ALWAYS] = 'A', [ARCHIVE_ROSTER] = 'R', [ARCHIVE_NEVER] = 'N' };
    const struct config *config = router->parts->config;
    return (struct archive_settings){ .preference = letters[config->archive_default],
                                      .keep_ms = (int64_t)config->archive_days * 24 * 60 * 60 * 1000,
                                      .count = config->archive_count,
                                      .bytes = config->archive_bytes };
}

/* False: nothing of what the account exchanges goes into its archive, and nobody need be asked. */
static bool archive_may_want(const struct router *router, const struct resident *resident)
{
    if (resident_has_flag(resident, 'p') || resident_has_flag(resident, 'A') || resident_has_flag(resident, 'R'))
        return true;
    return !resident_has_flag(resident, 'N') && router->parts->config->archive_default != ARCHIVE_NEVER;
}

static void on_sent(void *ctx, enum bus_status status, int64_t result)
{
    struct delivery *delivery = ctx;
    (void)result;
    if (status != BUS_OK)
        metric_add(delivery->router->parts->metrics, METRIC_SENT_LOST, 1);
    delivery_free(delivery);
}

/* What of it there is to do now. */
static unsigned find_keep(const struct router *router, const struct sender *sender, const struct stanza *message)
{
    const struct resident *resident = resident_find(router, jid_bare(session_jid(sender->session)));
    unsigned keep = keeping_of(message, SIDE_SENDER).keep & (KEEP_ARCHIVE | KEEP_CARBON);
    if (resident && !resident_wants_copies(resident, sender->session))
        keep &= ~(unsigned)KEEP_CARBON;
    if (session_is_guest(sender->session) || (resident && !archive_may_want(router, resident)))
        keep &= ~(unsigned)KEEP_ARCHIVE;
    return keep;
}

void sending_note(struct delivery *delivery, const struct sender *sender, struct text event)
{
    struct router *router = delivery->router;
    struct stanza *message = delivery->stanza;
    struct jid to;
    if (sender->kind != SENDER_CLIENT || !sender->session || message->kind != STANZA_MESSAGE)
        return;
    const struct jid *from = session_jid(sender->session);
    if (jid_parse(&message->arena, element_get(message->root, "to"), &to) < 0 || text_equal(jid_bare(&to), jid_bare(from)))
        return; /* to oneself: the recipient's side is the same account's */
    unsigned keep = find_keep(router, sender, message);
    if (!keep)
        return;
    struct archive_settings archive = archive_settings(router);
    struct deliver sent = { .bare = jid_bare(from),
                            .resource = jid_resource(from),
                            .keep = keep,
                            .from = jid_text(&to),
                            .archive = &archive,
                            .event = event };
    struct store *store = router->parts->store;
    sending_number(router, sender, &sent);
    delivery->open++;
    store->log->sent(store, &sent, on_sent, delivery);
}
