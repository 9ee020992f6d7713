/* test_conn_gather.c: where a reactor has much to do, the replies of a connection wait for each
 * other, and for nothing else. */
#include "unit_reactor.h"

#include <string.h>
#include <sys/socket.h>

static const char guid[] = UNIT_GUID_BYTES;

#define FRAMES (8u * DR_GATHER_REPLIES)

/* A reactor whose calls end when the test says so. */
typedef struct gather {
    dr_reactor reactor;
    bool is_made;
    int listener; /* until the reactor has it */
    int client;
    dr_conn *conn;
    uint32_t ends; /* calls that end at the next look */
    size_t reply_bytes;
    size_t received; /* replies */
    dr_buf frames;
} gather;

static void gather_end(gather *self)
{
    unit_reactor_end(&self->reactor, &self->is_made);
    unit_close(&self->client);
    unit_close(&self->listener);
    dr_buf_fini(&self->frames);
}
UNIT_SCENE(gather, gather_end)

static void on_frame(dr_conn *conn, const dr_frame *frame, void *user)
{
    gather *self = user;
    (void)frame;
    self->conn = conn;
    conn->calls++;
}

static void answer(gather *self)
{
    static const char body[1024] = "";
    size_t mark;
    dr_buf *out = dr_conn_begin(self->conn, guid, self->reply_bytes, &mark);
    assert_non_null(out);
    assert_int_equal(dr_buf_append(out, body, self->reply_bytes), DORA_OK);
    assert_int_equal(dr_conn_end(self->conn, mark), DORA_OK);
    self->conn->calls--;
}

static void collect(void *user)
{
    gather *self = user;
    while (self->ends > 0) {
        self->ends--;
        answer(self);
    }
}

/* begin has FRAMES calls of one connection in flight, and no replies that have waited. */
static void begin(gather *self)
{
    dr_reactor_events events = unit_reactor_events(self);
    events.on_frame = on_frame;
    events.collect = collect;
    self->reply_bytes = 2;
    unit_reactor_begin(&self->reactor, &events, &self->is_made);
    unit_reactor_connect(unit_reactor_listen(&self->reactor, &self->listener), &self->client);
    for (uint32_t i = 0; i < FRAMES; i++) {
        unit_frame(&self->frames, guid, "body", 4);
    }
    assert_int_equal(send(self->client, self->frames.data, self->frames.len, 0),
                     (ssize_t)self->frames.len);
    while (self->conn == NULL || self->conn->calls < FRAMES) {
        (void)uv_run(&self->reactor.loop, UV_RUN_ONCE); /* the sweep's timer ends each wait */
    }
    self->conn->gather_turn = self->reactor.turn - DR_GATHER_TURNS - 1;
}

/* end_calls has so many calls end, and the reactor look at that. Returns: whether what there is was
 * written then. */
static bool end_calls(gather *self, uint32_t count)
{
    self->ends = count;
    (void)uv_run(&self->reactor.loop, UV_RUN_NOWAIT);
    assert_int_equal(self->ends, 0);
    const bool is_written = self->conn->out.len == 0;
    assert_int_equal(self->conn->is_dirty, !is_written);
    return is_written;
}

/* check_written checks that so many replies of two bytes have left so far, however late they come.
 */
static void check_written(gather *self, size_t replies)
{
    char reply[38];
    assert_int_equal(dr_count_get(&self->reactor.bytes_out), replies * sizeof(reply));
    for (; self->received < replies; self->received++) {
        assert_int_equal(recv(self->client, reply, sizeof(reply), MSG_WAITALL), sizeof(reply));
        assert_memory_equal(reply + 4, guid, DR_GUID_LEN);
    }
}

static void replies_wait_for_the_last_of_their_connection(void **state)
{
    gather *self = *state;
    begin(self);
    assert_false(end_calls(self, 2 * DR_GATHER_REPLIES));
    assert_false(end_calls(self, DR_GATHER_REPLIES));
    assert_true(end_calls(self, FRAMES - 3 * DR_GATHER_REPLIES));
    check_written(self, FRAMES);
}

static void replies_wait_for_a_few_turns_at_most(void **state)
{
    gather *self = *state;
    begin(self);
    for (uint32_t i = 0; i < DR_GATHER_TURNS; i++) {
        assert_false(end_calls(self, DR_GATHER_REPLIES));
    }
    assert_true(end_calls(self, DR_GATHER_REPLIES)); /* though others are in flight */
    check_written(self, (DR_GATHER_TURNS + 1) * DR_GATHER_REPLIES);
    assert_false(end_calls(self, DR_GATHER_REPLIES)); /* and the next wait again */
}

static void nothing_waits_where_there_is_little_to_do(void **state)
{
    gather *self = *state;
    begin(self);
    assert_true(end_calls(self, 1));
    assert_true(end_calls(self, DR_GATHER_REPLIES - 1));
    check_written(self, DR_GATHER_REPLIES);
    assert_false(end_calls(self, DR_GATHER_REPLIES));
    assert_true(end_calls(self, 0)); /* nor does what has waited */
    check_written(self, 2 * DR_GATHER_REPLIES);
}

/* What waits keeps its reactor from sleeping. */
static void a_reactor_is_awake_while_replies_wait(void **state)
{
    gather *self = *state;
    begin(self);
    assert_false(end_calls(self, DR_GATHER_REPLIES));
    assert_true(uv_is_active((uv_handle_t *)&self->reactor.busy));
    assert_true(end_calls(self, 0));
    assert_false(uv_is_active((uv_handle_t *)&self->reactor.busy));
}

static void nothing_waits_on_a_connection_with_streams_or_that_is_not_read(void **state)
{
    gather *self = *state;
    begin(self);
    self->conn->streams = 1;
    assert_true(end_calls(self, DR_GATHER_REPLIES));
    self->conn->streams = 0;
    self->reactor.calls_max = 1;
    dr_conn_update(self->conn);
    assert_true(end_calls(self, DR_GATHER_REPLIES));
    check_written(self, 2 * DR_GATHER_REPLIES);
}

static void much_does_not_wait(void **state)
{
    gather *self = *state;
    begin(self);
    self->reply_bytes = DR_GATHER_BYTES / DR_GATHER_REPLIES;
    assert_true(end_calls(self, DR_GATHER_REPLIES));
    self->reply_bytes /= 2;
    assert_false(end_calls(self, DR_GATHER_REPLIES));
}

/* Calls that have ended are answered, also where the reactor ends in that very moment. */
static void a_reactor_that_ends_writes_what_waits(void **state)
{
    gather *self = *state;
    begin(self);
    assert_false(end_calls(self, 2 * DR_GATHER_REPLIES));
    check_written(self, 0);
    dr_reactor_end(&self->reactor);
    check_written(self, 2 * DR_GATHER_REPLIES);
}

static void a_connection_may_be_closed_while_its_replies_wait(void **state)
{
    gather *self = *state;
    begin(self);
    assert_false(end_calls(self, DR_GATHER_REPLIES));
    assert_ptr_equal(self->reactor.later, self->conn);
    dr_conn_close(self->conn);
    assert_null(self->reactor.later);
    (void)uv_run(&self->reactor.loop, UV_RUN_NOWAIT);
    assert_null(self->reactor.conns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(gather, replies_wait_for_the_last_of_their_connection),
        unit_in(gather, replies_wait_for_a_few_turns_at_most),
        unit_in(gather, nothing_waits_where_there_is_little_to_do),
        unit_in(gather, a_reactor_is_awake_while_replies_wait),
        unit_in(gather, nothing_waits_on_a_connection_with_streams_or_that_is_not_read),
        unit_in(gather, much_does_not_wait),
        unit_in(gather, a_reactor_that_ends_writes_what_waits),
        unit_in(gather, a_connection_may_be_closed_while_its_replies_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
