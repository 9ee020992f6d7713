/* discovery.c: one server's places in all its Redis: each has its own connection and timer. */
#include "server/ops/discovery.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <dora/server.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/slice.h"
#include "discovery/redis_uv.h"
#include "server/call/lane.h"
#include "server/config/config_discovery.h"
#include "server/ops/stat.h"

#define TAG "discovery"
#define GROUPS_TEXT_MAX 1024 /* of a line in the log: more groups are cut there */

/* place is the server's place in one Redis. */
typedef struct place {
    dr_discovery *discovery;
    dr_registration *registration;
    dr_redis_uv *driver;
    dr_registration_state said; /* in the log */
    char said_why[DR_DISCOVERY_WHY_BYTES];
    uint64_t said_ms;
    dr_discovery_row row; /* for other threads, under the lock */
} place;

struct dr_discovery {
    dr_backend *backend;
    uv_loop_t *loop;
    dr_entry entry;
    char groups[GROUPS_TEXT_MAX];
    place places[DR_DISCOVERY_REDIS_MAX];
    size_t count;
    pthread_mutex_t lock; /* of the rows */
    uv_timer_t patience;
    bool is_wanted; /* it is to be listed */
    bool is_over;   /* it drains: it does not come back */
};

const char *dr_discovery_state_name(dr_registration_state state)
{
    switch (state) {
    case DR_REGISTRATION_LEFT:
        return "left";
    case DR_REGISTRATION_LEAVING:
        return "leaving";
    case DR_REGISTRATION_JOINING:
        return "joining";
    case DR_REGISTRATION_JOINED:
        return "joined";
    }
    return "unknown";
}

/* ---- what is said of a place ---- */

/* note copies the status to where other threads may read it. */
static void note(place *self)
{
    const dr_registration_status status = dr_registration_status_of(self->registration);
    pthread_mutex_lock(&self->discovery->lock);
    self->row.state = status.state;
    self->row.beats = status.beats;
    self->row.failures = status.failures;
    (void)snprintf(self->row.why, sizeof(self->row.why), "%s", status.why);
    pthread_mutex_unlock(&self->discovery->lock);
}

static void say_state(const place *self, const dr_registration_status *status)
{
    char address[DR_ADDRESS_TEXT_MAX];
    const dr_discovery *discovery = self->discovery;
    dr_log *log = discovery->backend->log;
    const char *url = self->row.url;
    if (status->state == DR_REGISTRATION_JOINED) {
        dr_log_write(log, DR_LOG_NOTICE, TAG, "%s: joined as %s in %s", url,
                     dr_address_text(&discovery->entry.address, address), discovery->groups);
    } else if (status->state == DR_REGISTRATION_LEFT) {
        dr_log_write(log, DR_LOG_NOTICE, TAG, "%s: left%s%s", url,
                     status->why[0] != '\0' ? ": " : "", status->why);
    } else {
        const dr_redis *redis = dr_registration_redis(self->registration);
        const bool is_open = dr_redis_state_of(redis) == DR_REDIS_OPEN;
        dr_log_write(log, DR_LOG_ERROR, TAG, "%s: %s: %s; trying again", url,
                     is_open ? "refused" : "down", status->why);
    }
}

/* say writes a line where the state is another one, or its reason is and the log was quiet. */
static void say(place *self)
{
    const dr_registration_status status = dr_registration_status_of(self->registration);
    const uint64_t now_ms = dr_clock_ms();
    const bool is_new_state = status.state != self->said;
    const bool is_new_reason = strncmp(status.why, self->said_why, sizeof(self->said_why) - 1) != 0;
    if (status.state == DR_REGISTRATION_LEAVING ||
        (status.state == DR_REGISTRATION_JOINING && status.why[0] == '\0')) {
        return; /* under way: what becomes of it is said */
    }
    if (is_new_state || (is_new_reason && now_ms - self->said_ms >= DR_DISCOVERY_QUIET_MS)) {
        say_state(self, &status);
        self->said = status.state;
        self->said_ms = now_ms;
        (void)snprintf(self->said_why, sizeof(self->said_why), "%s", status.why);
    }
}

static void on_change(void *user)
{
    note(user);
    say(user);
}

/* ---- joining and leaving ---- */

static void join(dr_discovery *self)
{
    if (self->is_wanted) {
        return;
    }
    self->is_wanted = true;
    for (size_t i = 0; i < self->count; i++) {
        dr_registration_join(self->places[i].registration, dr_clock_ns());
        dr_redis_uv_look(self->places[i].driver);
    }
}

static void leave(dr_discovery *self, const char *why)
{
    if (!self->is_wanted) {
        return;
    }
    self->is_wanted = false;
    dr_log_write(self->backend->log, DR_LOG_NOTICE, TAG, "withdrawing: %.*s",
                 (int)strcspn(why, "\n"), why);
    for (size_t i = 0; i < self->count; i++) {
        dr_registration_leave(self->places[i].registration, DR_DISCOVERY_GRACE_MS, dr_clock_ns());
        dr_redis_uv_look(self->places[i].driver);
    }
}

/* on_patience: the server could not run tasks half a second ago. */
static void on_patience(uv_timer_t *timer)
{
    char why[128];
    dr_discovery *self = timer->data;
    if (!self->is_over && !dr_stat_has_workers(self->backend, why, sizeof(why))) {
        leave(self, why);
    }
}

void dr_discovery_look(dr_backend *backend)
{
    char why[128];
    dr_discovery *self = backend->discovery;
    if (self == NULL || self->is_over || atomic_load(&backend->phase) != DR_PHASE_SERVING) {
        return;
    }
    if (dr_stat_has_workers(backend, why, sizeof(why))) {
        uv_timer_stop(&self->patience);
        join(self);
    } else if (self->is_wanted && !uv_is_active((uv_handle_t *)&self->patience)) {
        uv_timer_start(&self->patience, on_patience, DR_DISCOVERY_PATIENCE_MS, 0);
    }
    for (size_t i = 0; i < self->count; i++) {
        note(&self->places[i]); /* the counts */
        say(&self->places[i]);
    }
}

void dr_discovery_withdraw(dr_backend *backend)
{
    dr_discovery *self = backend->discovery;
    if (self != NULL && !self->is_over) {
        self->is_over = true;
        uv_timer_stop(&self->patience);
        leave(self, "the server stops");
    }
}

/* ---- an heir ---- */

bool dr_discovery_place(const dr_discovery *self, size_t index, char text[DR_DISCOVERY_PLACE_BYTES])
{
    char address[DR_ADDRESS_TEXT_MAX];
    if (self == NULL || index >= self->count) {
        return false;
    }
    (void)snprintf(text, DR_DISCOVERY_PLACE_BYTES, "%s %s", self->places[index].row.url,
                   dr_address_text(&self->entry.address, address));
    return true;
}

void dr_discovery_hand_over(dr_backend *backend, bool (*is_taken)(const char *place, void *user),
                            void *user)
{
    char text[DR_DISCOVERY_PLACE_BYTES];
    dr_discovery *self = backend->discovery;
    size_t taken = 0;
    if (self == NULL || self->is_over) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        if (dr_discovery_place(self, i, text) && is_taken(text, user)) {
            dr_registration_let_go(self->places[i].registration, dr_clock_ns());
            dr_redis_uv_look(self->places[i].driver);
            taken++;
        }
    }
    self->is_over = true;
    uv_timer_stop(&self->patience);
    if (taken < self->count) {
        leave(self, "another server takes over, and is not listed there");
    }
}

/* ---- what it is listed as ---- */

/* bound gives the address that is listened on. */
static void bound(const dr_backend *backend, uint16_t tcp_port, dr_address *address)
{
    struct sockaddr_storage name;
    int len = sizeof(name);
    *address = (dr_address){.port = tcp_port};
    (void)snprintf(address->host, sizeof(address->host), "%s", backend->config->tcp_host);
    if (uv_tcp_getsockname(&backend->lanes[0].reactor.listener, (struct sockaddr *)&name, &len) ==
        0) { /* the configuration may have a name */
        (void)uv_ip_name((const struct sockaddr *)&name, address->host, sizeof(address->host));
    }
}

static dora_err find_address(const dr_backend *backend, uint16_t tcp_port, dr_address *address,
                             dora_error *error)
{
    const char *advertise = backend->config->discovery.advertise;
    *address = (dr_address){.port = 0};
    if (advertise != NULL) {
        const dora_slice text = dr_slice(advertise);
        const dora_err err = dr_address_parse(text, address->host, &address->port);
        address->port = address->port != 0 ? address->port : tcp_port;
        return err;
    }
    bound(backend, tcp_port, address);
    if (strcmp(address->host, "0.0.0.0") != 0 && strcmp(address->host, "::") != 0) {
        return DORA_OK;
    }
    if (!dora_local_ip(address->host)) {
        return dora_error_set(error, DORA_ECONFIG,
                              "discovery.advertise: the server listens on every address of this "
                              "host, and none of them is private (10/8, 172.16/12, 192.168/16): "
                              "set it to the \"IP:PORT\" that clients are to connect to");
    }
    return DORA_OK;
}

static dora_err copy_groups(dr_discovery *self, const dr_texts *groups)
{
    dr_texts copy = {0};
    dora_err err = groups->count == 0 ? dr_texts_add(&copy, DR_GROUP_DEFAULT) : DORA_OK;
    for (size_t i = 0; i < groups->count && err == DORA_OK; i++) {
        err = dr_texts_add(&copy, groups->items[i]);
    }
    self->entry.groups = copy.items; /* the entry frees them in either case */
    self->entry.count = copy.count;
    for (size_t i = 0; i < copy.count; i++) {
        const size_t len = strlen(self->groups);
        (void)snprintf(self->groups + len, sizeof(self->groups) - len, "%s%s", i > 0 ? ", " : "",
                       copy.items[i]);
    }
    return err;
}

/* warn_of_loopback: what stands in a Redis of another machine is read on others, too. */
static void warn_of_loopback(const dr_discovery *self, const dr_redis_url *url)
{
    char address[DR_ADDRESS_TEXT_MAX];
    char text[DR_REDIS_URL_TEXT_MAX];
    const bool is_near =
        dr_address_is_unix(&url->address) || dr_address_is_loopback(url->address.host);
    if (!is_near && dr_address_is_loopback(self->entry.address.host)) {
        dr_log_write(self->backend->log, DR_LOG_ERROR, TAG,
                     "%s: clients on other machines cannot reach %s: set listen.tcp (--host "
                     "0.0.0.0) or discovery.advertise",
                     dr_redis_url_text(url, text), dr_address_text(&self->entry.address, address));
    }
}

/* ---- life ---- */

static dora_err open_place(dr_discovery *self, const dr_redis_url *url)
{
    place *one = &self->places[self->count];
    one->discovery = self;
    (void)dr_redis_url_text(url, one->row.url);
    dora_err err = dr_registration_new(&one->registration, url, &self->entry, on_change, one);
    if (err == DORA_OK) {
        err = dr_redis_uv_new(&one->driver, self->loop, dr_registration_redis(one->registration));
    }
    if (err != DORA_OK) {
        dr_registration_free(one->registration);
        return err;
    }
    self->count++;
    return DORA_OK;
}

dora_err dr_discovery_take_tls(dr_backend *backend, const dr_config *config, dora_error *error)
{
    dr_tls_context *tls = NULL;
    dr_discovery *self = backend->discovery;
    const dora_err err = self != NULL ? dr_discovery_tls_open(config, &tls, error) : DORA_OK;
    for (size_t i = 0; tls != NULL && i < self->count; i++) {
        dr_redis_use_tls(dr_registration_redis(self->places[i].registration), tls,
                         config->discovery.tls.name);
    }
    dr_tls_context_free(tls);
    return err;
}

dora_err dr_discovery_open(dr_backend *backend, uv_loop_t *loop, uint16_t tcp_port,
                           dora_error *error)
{
    dr_redis_url urls[DR_DISCOVERY_REDIS_MAX];
    const size_t count = dr_discovery_read(backend->config, urls);
    if (count == 0) {
        return DORA_OK;
    }
    dr_discovery *self = dr_calloc(1, sizeof(*self));
    if (self == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    self->backend = backend;
    self->loop = loop;
    pthread_mutex_init(&self->lock, NULL);
    uv_timer_init(loop, &self->patience);
    self->patience.data = self;
    backend->discovery = self;
    dora_err err = find_address(backend, tcp_port, &self->entry.address, error);
    if (err != DORA_OK) {
        return err;
    }
    err = copy_groups(self, &backend->config->discovery.groups);
    for (size_t i = 0; i < count && err == DORA_OK; i++) {
        warn_of_loopback(self, &urls[i]);
        err = open_place(self, &urls[i]);
    }
    if (err != DORA_OK) {
        return dora_error_set(error, err, "%s", dora_err_text(err));
    }
    return dr_discovery_take_tls(backend, backend->config, error) == DORA_OK ? DORA_OK
                                                                             : DORA_ECONFIG;
}

void dr_discovery_close(dr_backend *backend)
{
    dr_discovery *self = backend->discovery;
    if (self == NULL || uv_is_closing((uv_handle_t *)&self->patience)) {
        return;
    }
    self->is_over = true;
    uv_close((uv_handle_t *)&self->patience, NULL);
    for (size_t i = 0; i < self->count; i++) {
        dr_redis_uv_close(self->places[i].driver, NULL, NULL);
    }
}

void dr_discovery_free(dr_discovery *discovery)
{
    if (discovery == NULL) {
        return;
    }
    for (size_t i = 0; i < discovery->count; i++) {
        dr_registration_free(discovery->places[i].registration);
    }
    dr_entry_fini(&discovery->entry);
    pthread_mutex_destroy(&discovery->lock);
    dr_free(discovery);
}

/* ---- for other threads ---- */

size_t dr_discovery_rows(dr_discovery *discovery, dr_discovery_row *rows)
{
    if (discovery == NULL) {
        return 0;
    }
    pthread_mutex_lock(&discovery->lock);
    for (size_t i = 0; i < discovery->count; i++) {
        rows[i] = discovery->places[i].row;
    }
    pthread_mutex_unlock(&discovery->lock);
    return discovery->count;
}

const dr_entry *dr_discovery_entry(const dr_discovery *discovery)
{
    return discovery != NULL ? &discovery->entry : NULL;
}
