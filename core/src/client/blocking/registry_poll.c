/* registry_poll.c: where a blocking client's nodes come from, when that is a registry: it is looked
 * at between calls. */
#include "client/blocking/registry_poll.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/mem.h"
#include "client/shared/registry_news.h"
#include "client/shared/registry_tls.h"
#include "discovery/redis_wait.h"

#define MS ((uint64_t)DR_NS_PER_MS)

struct dr_registry_poll {
    char *text;            /* of the options */
    dr_tls_context *tls;   /* of "rediss://"; NULL: none is needed */
    pthread_cond_t looked; /* a look has ended; with the client's lock, as the next four */
    bool is_looking;
    bool has_looked; /* once at least */
    uint64_t due_ns;
    char why[256]; /* no node is known */

    /* Of the thread that looks. */
    dr_registry *registry; /* NULL: to be made */
    bool is_started;
    dr_redis_wait *wait; /* NULL: a file */
    dr_registry_news news;
    bool is_slow; /* answers did not come in time: nobody waits until they have */
};

/* One look, by the thread that has it. */
typedef struct look {
    dora_client *client;
    dr_registry *registry;
    dr_redis_wait *wait;
    uint32_t forks;    /* the client's, when it began */
    dr_wait patience;  /* how long for the first nodes */
    bool is_first;     /* none is known, and this is the first look */
    uint64_t until_ns; /* it is over then; 0: when its own time is */
} look;

static dora_err no_memory(dora_error *error)
{
    return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
}

/* Makes registry and connections; nothing is connected yet. */
static dora_err source_open(dr_registry_poll *source, dora_error *error)
{
    const dr_registry_events events = dr_registry_news_events(&source->news);
    dr_redis *sessions[DR_REGISTRY_REDIS_MAX];
    dora_err err = dr_registry_new(&source->registry, source->text, false, &events, error);
    if (err != DORA_OK) {
        return err;
    }
    dr_registry_use_tls(source->registry, source->tls, NULL);
    source->is_started = false;
    size_t count = dr_registry_sessions(source->registry);
    for (size_t i = 0; i < count; i++) {
        sessions[i] = dr_registry_session(source->registry, i);
    }
    if (count > 0 && dr_redis_wait_new(&source->wait, sessions, count) != DORA_OK) {
        dr_registry_free(source->registry);
        source->registry = NULL;
        return no_memory(error);
    }
    return DORA_OK;
}

static void cond_init(dr_registry_poll *source)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&source->looked, &attributes);
    pthread_condattr_destroy(&attributes);
}

dora_err dr_registry_poll_new(dr_registry_poll **source, const dora_client_options *options,
                              dora_error *error)
{
    dr_registry_poll *made = dr_calloc(1, sizeof *made);
    size_t size = strlen(options->nodes) + 1;
    *source = NULL;
    if (made == NULL) {
        return no_memory(error);
    }
    cond_init(made);
    made->news = dr_registry_news_of(options);
    made->text = dr_alloc(size);
    dora_err err = DORA_ENOMEM;
    if (made->text != NULL) {
        memcpy(made->text, options->nodes, size);
        err = source_open(made, error);
        err =
            err == DORA_OK ? dr_registry_tls_open(made->registry, options, &made->tls, error) : err;
    } else {
        no_memory(error);
    }
    if (err != DORA_OK) {
        dr_registry_poll_free(made);
        return err;
    }
    *source = made;
    return DORA_OK;
}

static void source_close(dr_redis_wait *wait, dr_registry *registry)
{
    dr_redis_wait_free(wait);
    dr_registry_free(registry);
}

void dr_registry_poll_free(dr_registry_poll *source)
{
    if (source == NULL) {
        return;
    }
    source_close(source->wait, source->registry);
    dr_tls_context_free(source->tls);
    dr_buf_fini(&source->news.warnings);
    pthread_cond_destroy(&source->looked);
    dr_free(source->text);
    dr_free(source);
}

void dr_registry_poll_forget(dr_registry_poll *source)
{
    if (!source->is_looking) {
        source_close(source->wait, source->registry);
        dr_buf_fini(&source->news.warnings);
    } /* else a thread is in the midst of it, which may not be here to finish: it is left alone */
    source->wait = NULL;
    source->registry = NULL;
    source->news.warnings = (dr_buf){.data = NULL};
    source->is_looking = false;
    source->has_looked = false;
    source->due_ns = 0;
    cond_init(source); /* those who waited are not here */
}

/* ---- a look ---- */

/* Whether no Redis may say something soon. */
static bool is_answered(void *user)
{
    dr_registry *registry = ((look *)user)->registry;
    bool is_busy = dr_registry_is_reading(registry);
    for (size_t i = 0; i < dr_registry_sessions(registry); i++) {
        dr_redis_state state = dr_redis_state_of(dr_registry_session(registry, i));
        is_busy = is_busy || state == DR_REDIS_CONNECTING || state == DR_REDIS_GREETING;
    }
    return !is_busy;
}

static bool never(void *user)
{
    (void)user;
    return false;
}

static bool is_found(void *user)
{
    return dr_registry_roster(((look *)user)->registry) != NULL || is_answered(user);
}

static bool is_here(const look *l)
{
    return l->client->forks == l->forks; /* else is_interrupted forked, and this is the child */
}

/* Waits for the first nodes. Returns: whether no signal ended that. */
static bool await_first(look *l)
{
    uint32_t left_ms = dr_wait_left_ms(&l->patience);
    while (left_ms > 0 && is_here(l) && !is_found(l)) {
        uint64_t slice_ms = dr_wait_slice_ms(&l->patience, left_ms);
        dr_redis_wait_run(l->wait, is_found, l, dr_clock_ns() + slice_ms * MS);
        if (!is_found(l) && dr_wait_is_interrupted(&l->patience)) {
            return false;
        }
        left_ms = dr_wait_left_ms(&l->patience);
    }
    return true;
}

/* Asks the registry, and waits for answers as long as that is right. Without the lock. Returns:
 * whether no signal ended that. */
static bool ask(look *l)
{
    dr_registry_poll *source = l->client->source;
    uint64_t now_ns = dr_clock_ns();
    uint64_t nested_ns = dr_deadline_get();
    if (!source->is_started) {
        source->is_started = true;
        dr_registry_start(l->registry, now_ns);
    }
    if (l->wait == NULL) {
        dr_registry_read(l->registry, now_ns);
        return true;
    }
    dr_redis_wait_run(l->wait, never, l, now_ns); /* what has come since the last time */
    source->is_slow = source->is_slow && !is_answered(l);
    dr_registry_read(l->registry, dr_clock_ns());
    uint64_t until_ns = source->is_slow ? now_ns : now_ns + DR_REGISTRY_POLL_WAIT_MS * MS;
    until_ns = nested_ns != 0 && nested_ns < until_ns ? nested_ns : until_ns;
    until_ns = l->until_ns != 0 && l->until_ns < until_ns ? l->until_ns : until_ns;
    if (l->is_first && !await_first(l)) {
        return false;
    }
    if (is_here(l)) {
        dr_redis_wait_run(l->wait, is_answered, l, until_ns);
        source->is_slow = !is_answered(l);
    }
    return true;
}

/* Puts in place what the registry says. With the lock. */
static void put_in_place(dora_client *client)
{
    dr_registry_poll *source = client->source;
    const dr_nodes_owner owner = dr_conn_pool_owner(&client->conn_pool);
    dr_registry_news_apply(&source->news, source->registry, &client->nodes, &owner);
    uint64_t pause_ms = source->wait != NULL ? DR_REGISTRY_POLL_REDIS_MS : DR_REGISTRY_FILE_MS;
    source->due_ns = client->nodes.listed > 0 ? dr_clock_ns() + pause_ms * MS : 0;
    source->has_looked = true;
    snprintf(source->why, sizeof source->why, "%s", dr_registry_why(source->registry));
}

static dora_err interrupted(dora_error *error)
{
    return dora_error_set(error, DORA_EINTERRUPTED, "looking for servers: %s",
                          dora_err_text(DORA_EINTERRUPTED));
}

/* Until when a call waits for the first nodes: its own time, but not too long. */
static dr_wait patience_of(const dora_client *client, const dora_call_options *options)
{
    uint32_t ms = options->timeout_ms != 0 ? options->timeout_ms : client->settings.timeout_ms;
    uint64_t nested_ns = dr_deadline_get();
    uint64_t until_ns =
        dr_clock_ns() + (ms < DR_REGISTRY_POLL_FIRST_MS ? ms : DR_REGISTRY_POLL_FIRST_MS) * MS;
    return (dr_wait){
        .deadline_ns = nested_ns != 0 && nested_ns < until_ns ? nested_ns : until_ns,
        .is_interrupted = options->is_interrupted,
        .user = options->user,
    };
}

/* Has a look. With the lock, which is given up meanwhile. `heard` gets the warnings. */
static dora_err have_look(dora_client *client, const dora_call_options *options, uint64_t until_ns,
                          dr_buf *heard, dora_error *error)
{
    dr_registry_poll *source = client->source;
    dora_err err = source->registry == NULL ? source_open(source, error) : DORA_OK;
    if (err != DORA_OK) {
        return err;
    }
    look l = {
        .client = client,
        .registry = source->registry,
        .wait = source->wait,
        .forks = client->forks,
        .patience = patience_of(client, options),
        .is_first = client->nodes.listed == 0 && !source->has_looked,
        .until_ns = until_ns,
    };
    source->is_looking = true;
    pthread_mutex_unlock(&client->lock);
    bool is_asked = ask(&l);
    pthread_mutex_lock(&client->lock);
    if (is_here(&l)) {
        put_in_place(client);
        *heard = dr_registry_news_take(&source->news);
        source->is_looking = false;
        pthread_cond_broadcast(&source->looked);
    } else {
        source_close(l.wait, l.registry); /* dr_registry_poll_forget left them to this thread */
    }
    return is_asked ? DORA_OK : interrupted(error);
}

/* Waits while another thread looks for the first nodes. With the lock, which is given up
 * meanwhile. */
static dora_err await_look(dora_client *client, const dora_call_options *options, dora_error *error)
{
    dr_registry_poll *source = client->source;
    const dr_wait patience = patience_of(client, options);
    uint32_t left_ms = dr_wait_left_ms(&patience);
    while (source->is_looking && client->nodes.listed == 0 && left_ms > 0) {
        uint64_t until_ns = dr_clock_ns() + dr_wait_slice_ms(&patience, left_ms) * MS;
        const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
                                       .tv_nsec = (long)(until_ns % 1000000000u)};
        pthread_cond_timedwait(&source->looked, &client->lock, &until);
        pthread_mutex_unlock(&client->lock);
        bool is_interrupted = dr_wait_is_interrupted(&patience);
        pthread_mutex_lock(&client->lock);
        if (is_interrupted) {
            return interrupted(error);
        }
        left_ms = dr_wait_left_ms(&patience);
    }
    return DORA_OK;
}

/* Looks where that is due, or waits for the look of another thread where no node is known. With the
 * lock, which is given up meanwhile. */
static dora_err look_or_await(dora_client *client, const dora_call_options *options,
                              uint64_t until_ns, dr_buf *heard, dora_error *error)
{
    dr_registry_poll *source = client->source;
    if (!source->is_looking && dr_clock_ns() >= source->due_ns) {
        return have_look(client, options, until_ns, heard, error);
    }
    return client->nodes.listed == 0 ? await_look(client, options, error) : DORA_OK;
}

/* What a call begins with: `err` stands, but where no node is known the error says why. With the
 * lock. */
static dora_err say_why(const dora_client *client, dora_err err, dora_error *error)
{
    const dr_registry_poll *source = client->source;
    char text[sizeof source->why + 32];
    if (err != DORA_ECONNECT || client->nodes.listed > 0) {
        return err;
    }
    snprintf(text, sizeof text, "no server is known%s%s", source->why[0] != '\0' ? ": " : "",
             source->why);
    return dr_tries_nowhere(error, text);
}

dora_err dr_registry_poll_begin(dora_client *client, dr_tries *tries,
                                const dora_call_options *options, dora_error *error)
{
    dr_buf heard = {.data = NULL};
    pthread_mutex_lock(&client->lock);
    dora_err err = look_or_await(client, options, 0, &heard, error);
    if (err == DORA_OK) {
        err = dr_tries_begin(tries, &client->settings, &client->nodes, options, dr_clock_ns(),
                             dr_deadline_get(), error);
        err = say_why(client, err, error);
    }
    pthread_mutex_unlock(&client->lock);
    dr_registry_news_tell(&client->source->news, &heard);
    return err;
}

dora_err dr_registry_poll_again(dora_client *client, dr_tries *tries,
                                const dora_call_options *options, dora_error *error)
{
    dr_buf heard = {.data = NULL};
    pthread_mutex_lock(&client->lock);
    dora_err err = look_or_await(client, options, tries->giving_up_ns, &heard, error);
    if (err == DORA_OK) {
        err = dr_tries_group(tries, &client->nodes, options->group, error);
        err = say_why(client, err, error);
    }
    pthread_mutex_unlock(&client->lock);
    dr_registry_news_tell(&client->source->news, &heard);
    return err;
}
