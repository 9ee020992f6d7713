/* test_dedupe.c: what a repeat is told that has joined a call while that was cancelled. */
#include "server/call/dedupe.h"

#include <stdlib.h>
#include <string.h>

#include "server/call/reply.h"
#include "unit.h"
#include "wire/message.h"

/* scene is a server of one lane, and on it a call that has ended since it was cancelled: its
 * connection has its answer. A repeat has joined it behind the look at who waits. */
typedef struct scene {
    dr_backend backend;
    dr_lane *lane;
    dr_call *call;
    dr_reply_waiter repeat;
    bool is_open; /* the lane's loop, with a handle */
} scene;

static const dr_reply_cache_limits limits = {16, 1 << 20, 60, 600};
static const dr_digest digest = {{1, 2}};

static void scene_begin(scene *s)
{
    s->lane = calloc(1, sizeof(*s->lane));
    s->call = calloc(1, sizeof(*s->call) + sizeof(dr_call_item));
    assert_true(s->lane != NULL && s->call != NULL);
    assert_int_equal(uv_loop_init(&s->lane->reactor.loop), 0);
    s->is_open = uv_async_init(&s->lane->reactor.loop, &s->lane->reactor.ask, NULL) == 0;
    assert_true(s->is_open);
    assert_int_equal(dr_reply_cache_new(&s->backend.reply_cache, &limits, NULL), DORA_OK);
    s->backend.lanes = s->lane;
    s->backend.lane_count = 1;
    s->lane->backend = &s->backend;
    s->call->lane = s->call->responder.lane = s->lane;
    s->call->type = DR_TYPE_W_S;
    s->call->count = 1;
    s->call->is_single = s->call->is_cancelled = true;
    s->call->waiter.owner = s->call;
    s->repeat.owner = s;
    memcpy(s->call->guid, "0123456789abcdef0123456789abcdef", DR_GUID_LEN);
    dr_reply_cache *cache = s->backend.reply_cache;
    assert_int_equal(dr_reply_cache_begin(cache, &digest, &s->call->waiter, 0),
                     DR_REPLY_CACHE_UNKNOWN);
    assert_int_equal(dr_reply_cache_look(cache, &digest, &s->repeat), DR_REPLY_CACHE_RUNS);
}

static void scene_end(scene *s)
{
    int closed = 0;
    dr_reply_cache_free(s->backend.reply_cache);
    if (s->is_open) {
        uv_close((uv_handle_t *)&s->lane->reactor.ask, NULL);
        (void)uv_run(&s->lane->reactor.loop, UV_RUN_DEFAULT);
        closed = uv_loop_close(&s->lane->reactor.loop);
    }
    if (s->lane != NULL) {
        dr_buf_fini(&s->lane->kept);
    }
    free(s->call);
    free(s->lane);
    assert_int_equal(closed, 0);
}
UNIT_SCENE(scene, scene_end)

static void who_joins_what_is_cancelled_before_it_ran_is_told_so(void **state)
{
    scene *s = *state;
    dr_reply_message reply;
    dr_reply_message envelope;
    scene_begin(s);
    s->call->items[0].code = DORA_CODE_CANCELLED;
    s->call->items[0].is_dropped = true;
    dr_reply_call(s->call);
    assert_ptr_equal(dr_reply_cache_take(s->backend.reply_cache, 0), &s->repeat);
    assert_non_null(s->repeat.reply);
    const dora_slice body = {s->repeat.reply->body, s->repeat.reply->len};
    assert_int_equal(dr_reply_decode(body, &reply, NULL), DORA_OK);
    assert_int_equal(reply.code, 0);
    assert_int_equal(dr_reply_decode(reply.data, &envelope, NULL), DORA_OK);
    assert_true(dora_code_is_not_run(envelope.code));
    assert_int_equal(s->call->items[0].code, DORA_CODE_CANCELLED); /* as it is counted */
    dr_reply_cache_reply_drop(s->repeat.reply);
    /* Nothing is remembered of it: it runs when it is sent again. */
    s->repeat.role = DR_REPLY_CACHE_NOBODY;
    assert_int_equal(dr_reply_cache_look(s->backend.reply_cache, &digest, &s->repeat),
                     DR_REPLY_CACHE_UNKNOWN);
}

static void who_joins_what_is_cancelled_while_it_runs_hears_that_its_result_is_lost(void **state)
{
    scene *s = *state;
    scene_begin(s);
    s->call->items[0].code = DORA_CODE_CANCELLED; /* its worker had begun it */
    dr_reply_call(s->call);
    assert_ptr_equal(dr_reply_cache_take(s->backend.reply_cache, 0), &s->repeat);
    assert_null(s->repeat.reply);
    assert_int_equal(dr_reply_cache_look(s->backend.reply_cache, &digest, &s->repeat),
                     DR_REPLY_CACHE_LOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(scene, who_joins_what_is_cancelled_before_it_ran_is_told_so),
        unit_in(scene, who_joins_what_is_cancelled_while_it_runs_hears_that_its_result_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
