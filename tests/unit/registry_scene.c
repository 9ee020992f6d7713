/* registry_scene.c: a mux with a registry, two Redis and any number of nodes as bytes. */
#include "registry_scene.h"
#include "wire/message_write.h"

void registry_on_warning(void *user, const char *text)
{
    registry_scene *s = user;
    s->warnings++;
    snprintf(s->warning, sizeof s->warning, "%.500s", text);
}

void registry_begin(registry_scene *s, const char *nodes)
{
    const dora_client_options options = {
        .nodes = nodes, .timeout_ms = 1000, .on_warning = registry_on_warning, .user = s};
    *s = (registry_scene){.now_ns = BEGIN};
    assert_int_equal(dora_mux_new(&s->mux, &options, NULL), DORA_OK);
}

uint64_t registry_call_with(registry_scene *s, const dora_call_options *options)
{
    uint64_t id = 0;
    const dora_call call = {.name = text_slice("/a"), .param = text_slice("i:5;")};
    assert_int_equal(
        dora_mux_start(s->mux, DORA_MUX_CALL, &call, 1, options, s->now_ns, NULL, &id, NULL),
        DORA_OK);
    return id;
}

uint64_t registry_call(registry_scene *s)
{
    return registry_call_with(s, NULL);
}

static side *find(registry_scene *s, uint64_t id)
{
    for (int i = 0; i < s->side_count; i++) {
        if (s->sides[i].id == id) {
            return &s->sides[i];
        }
    }
    fail();
    return NULL;
}

void registry_drop(side *at)
{
    *at = (side){.id = 0};
}

bool registry_hear(registry_scene *s)
{
    dora_mux_event event;
    bool has_events = false;
    while (dora_mux_next(s->mux, s->now_ns, &event)) {
        has_events = true;
        if (event.what == DORA_MUX_CONNECT) {
            assert_true(s->side_count < SIDES_MAX);
            side *made = &s->sides[s->side_count++];
            *made = (side){.id = event.conn, .port = event.port};
            assert_string_equal(event.host, event.port >= REDIS_PORT ? "127.0.0.1" : "10.0.0.1");
        } else if (event.what == DORA_MUX_CLOSE) {
            registry_drop(find(s, event.conn));
        } else if (event.what == DORA_MUX_DONE) {
            s->done++;
            s->good += event.err == DORA_OK ? 1 : 0;
            s->code = event.error != NULL ? event.error->code : 0;
            snprintf(s->msg, sizeof s->msg, "%.500s", event.error != NULL ? event.error->msg : "");
        }
    }
    return has_events;
}

static void say(registry_scene *s, const side *to, dora_slice bytes)
{
    uint64_t id = to->id;
    for (size_t at = 0; at < bytes.len;) {
        char *room;
        size_t room_len;
        if (dora_mux_room(s->mux, id, &room, &room_len) != DORA_OK) {
            return;
        }
        size_t len = bytes.len - at;
        len = s->step != 0 && len > s->step ? s->step : len;
        len = len < room_len ? len : room_len;
        memcpy(room, bytes.data + at, len);
        dora_mux_received(s->mux, id, len);
        at += len;
        if (s->step != 0) {
            registry_hear(s);
        }
    }
}

void registry_reply(registry_scene *s, side *to)
{
    const dora_frame_options plain = {.sign = false};
    dr_buf out = {0};
    size_t mark;
    const char *guid = to->guids[--to->guid_count];
    dr_frame_begin(&out, &plain, guid, &mark);
    dr_reply_begin(&out, guid, 0, text_slice("OK"));
    dr_reply_begin(&out, guid, 0, text_slice("OK"));
    dr_buf_append_slice(&out, text_slice("i:5;"));
    dr_reply_end(&out);
    dr_reply_end(&out);
    assert_int_equal(dr_frame_end(&out, &plain, mark, NULL), DORA_OK);
    say(s, to, dr_buf_slice(&out));
    dr_buf_fini(&out);
}

static void take_requests(side *at, dora_slice out)
{
    const dora_frame_options plain = {.sign = false};
    while (out.len > 0) {
        dr_frame frame;
        size_t used = 0;
        assert_int_equal(dr_frame_decode(&plain, out, &frame, &used, NULL), DORA_OK);
        assert_true(at->guid_count < 16);
        memcpy(at->guids[at->guid_count], frame.guid, 32);
        at->guids[at->guid_count++][32] = '\0';
        out.data += used;
        out.len -= used;
    }
}

bool registry_is_redis(const side *at)
{
    return at->port >= REDIS_PORT;
}

void registry_connect(registry_scene *s, side *at)
{
    uint64_t id = at->id;
    if (registry_is_redis(at) && s->is_refusing[at->port - REDIS_PORT]) {
        registry_drop(at);
        dora_mux_failed(s->mux, id, 111, "Connection refused", s->now_ns);
        return;
    }
    at->is_open = true;
    if (registry_is_redis(at)) {
        at->redis.redis = &s->redis[at->port - REDIS_PORT];
    }
    dora_mux_connected(s->mux, id, s->now_ns);
}

/* What the other side of a connection does. Returns: whether it did something. */
static bool serve(registry_scene *s, side *at)
{
    if (!at->is_open) {
        registry_connect(s, at);
        return true;
    }
    dora_slice out = dora_mux_output(s->mux, at->id);
    if (out.len == 0) {
        return false;
    }
    if (registry_is_redis(at)) {
        fake_redis_bytes said = {.len = 0};
        fake_redis_take(&at->redis, out, &said);
        dora_mux_sent(s->mux, at->id, out.len, s->now_ns);
        say(s, at, (dora_slice){said.data, said.len});
        return true;
    }
    take_requests(at, out);
    dora_mux_sent(s->mux, at->id, out.len, s->now_ns);
    while (!s->is_mute && at->guid_count > 0) {
        registry_reply(s, at);
    }
    return true;
}

void registry_run(registry_scene *s)
{
    bool is_busy = true;
    while (is_busy) {
        is_busy = registry_hear(s);
        for (int i = 0; i < s->side_count; i++) {
            if (s->sides[i].id != 0) {
                is_busy = serve(s, &s->sides[i]) || is_busy;
            }
        }
    }
}

void registry_later(registry_scene *s, uint64_t ms)
{
    s->now_ns += ms * MS;
    dora_mux_tick(s->mux, s->now_ns);
    registry_run(s);
}

void registry_publish(registry_scene *s, int redis)
{
    for (int i = 0; i < s->side_count; i++) {
        fake_redis_bytes said = {.len = 0};
        if (s->sides[i].id != 0 && s->sides[i].redis.redis == &s->redis[redis]) {
            fake_redis_publish(&s->sides[i].redis, &said);
            say(s, &s->sides[i], (dora_slice){said.data, said.len});
        }
    }
    registry_run(s);
}

int registry_open_to(const registry_scene *s, uint16_t port)
{
    int count = 0;
    for (int i = 0; i < s->side_count; i++) {
        count += s->sides[i].id != 0 && s->sides[i].port == port ? 1 : 0;
    }
    return count;
}

void registry_end(registry_scene *s)
{
    int done = s->done;
    if (s->mux == NULL) {
        return;
    }
    size_t outstanding = dora_mux_outstanding(s->mux);
    dora_mux_end(s->mux);
    registry_hear(s);
    done += (int)outstanding - s->done;
    size_t left = dora_mux_deadline_ns(s->mux) != 0;
    for (int i = 0; i < s->side_count; i++) {
        left += s->sides[i].id != 0;
    }
    dora_mux_free(s->mux);
    s->mux = NULL;
    unit_folder_remove(&s->folder);
    assert_int_equal(done, 0);
    assert_int_equal(left, 0);
}
