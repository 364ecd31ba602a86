/* resolver.c - getaddrinfo() on a detached thread.  What both threads touch is in struct lookup, freed by the last
 * one. */
#include <ev.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/un.h>

#include "resolver.h"

enum { ADDRESSES_MAX = 8 };

struct lookup {
    pthread_mutex_t lock;
    struct resolver *resolver; /* NULL: nobody waits any more */
    char *host, *port;
    struct resolved found[ADDRESSES_MAX];
    unsigned count;
    const char *error; /* static text */
    bool is_done;
};

struct resolver {
    struct ev_loop *loop;
    const struct redis_url *url;
    struct ev_async wake;
    struct resolved known[ADDRESSES_MAX];
    unsigned count;
    bool is_fixed;
    struct lookup *lookup; /* under way, or NULL */
    void (*on_done)(void *ctx, const char *error);
    void *ctx;
};

static unsigned look_up(const char *host, const char *port, int flags, struct resolved *found, const char **error)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags }, *list = NULL;
    unsigned count = 0;
    int failed = getaddrinfo(host, port, &hints, &list);
    *error = failed ? gai_strerror(failed) : NULL;
    if (failed)
        return 0;
    for (const struct addrinfo *info = list; info && count < ADDRESSES_MAX; info = info->ai_next) {
        memcpy(&found[count].address, info->ai_addr, info->ai_addrlen);
        found[count++].size = info->ai_addrlen;
    }
    freeaddrinfo(list);
    return count;
}

static void lookup_free(struct lookup *lookup)
{
    pthread_mutex_destroy(&lookup->lock);
    free(lookup->host);
    free(lookup->port);
    free(lookup);
}

static void *lookup_run(void *argument)
{
    struct lookup *lookup = argument;
    lookup->count = look_up(lookup->host, lookup->port, AI_ADDRCONFIG, lookup->found, &lookup->error);
    pthread_mutex_lock(&lookup->lock);
    struct resolver *resolver = lookup->resolver;
    lookup->is_done = true;
    if (resolver)
        ev_async_send(resolver->loop, &resolver->wake);
    pthread_mutex_unlock(&lookup->lock);
    if (!resolver)
        lookup_free(lookup);
    return NULL;
}

static void on_wake(struct ev_loop *loop, struct ev_async *wake, int events)
{
    struct resolver *resolver = wake->data;
    struct lookup *lookup = resolver->lookup;
    (void)loop;
    (void)events;
    if (!lookup)
        return;
    pthread_mutex_lock(&lookup->lock);
    bool is_done = lookup->is_done;
    pthread_mutex_unlock(&lookup->lock);
    if (!is_done)
        return;
    resolver->lookup = NULL;
    if (lookup->count) { /* else the addresses known before are as good a guess as any */
        memcpy(resolver->known, lookup->found, sizeof resolver->known);
        resolver->count = lookup->count;
    }
    const char *error = resolver->count ? NULL : lookup->error ? lookup->error : "no address";
    lookup_free(lookup);
    resolver->on_done(resolver->ctx, error);
}

void resolver_ask(struct resolver *resolver)
{
    pthread_attr_t detached;
    pthread_t thread;
    if (resolver->is_fixed || resolver->lookup)
        return;
    struct lookup *lookup = xcalloc(1, sizeof *lookup);
    pthread_mutex_init(&lookup->lock, NULL);
    lookup->resolver = resolver;
    lookup->host = xstrdup(resolver->url->host);
    lookup->port = xstrdup(resolver->url->port);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    resolver->lookup = lookup;
    if (pthread_create(&thread, &detached, lookup_run, lookup) != 0) {
        lookup->error = "no thread for the look-up can be started";
        lookup->is_done = true;
        ev_async_send(resolver->loop, &resolver->wake);
    }
    pthread_attr_destroy(&detached);
}

static void resolve_unix(struct resolver *resolver)
{
    struct sockaddr_un *address = (struct sockaddr_un *)&resolver->known[0].address;
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path, resolver->url->path); /* url.c checked its size */
    resolver->known[0].size = sizeof *address;
    resolver->count = 1;
}

struct resolver *resolver_new(struct ev_loop *loop, const struct redis_url *url,
                              void (*on_done)(void *ctx, const char *error), void *ctx)
{
    struct resolver *resolver = xcalloc(1, sizeof *resolver);
    const char *error;
    resolver->loop = loop;
    resolver->url = url;
    resolver->on_done = on_done;
    resolver->ctx = ctx;
    ev_async_init(&resolver->wake, on_wake);
    resolver->wake.data = resolver;
    ev_async_start(loop, &resolver->wake);
    if (url->is_unix)
        resolve_unix(resolver);
    else
        resolver->count = look_up(url->host, url->port, AI_NUMERICHOST, resolver->known, &error);
    resolver->is_fixed = resolver->count > 0;
    return resolver;
}

void resolver_free(struct resolver **pointer)
{
    struct resolver *resolver = *pointer;
    if (!resolver)
        return;
    struct lookup *lookup = resolver->lookup;
    if (lookup) {
        pthread_mutex_lock(&lookup->lock);
        bool is_done = lookup->is_done;
        lookup->resolver = NULL;
        pthread_mutex_unlock(&lookup->lock);
        if (is_done)
            lookup_free(lookup);
    }
    ev_async_stop(resolver->loop, &resolver->wake);
    free(resolver);
    *pointer = NULL;
}

const struct resolved *resolver_get(const struct resolver *resolver, unsigned n)
{
    return resolver->count ? &resolver->known[n % resolver->count] : NULL;
}
