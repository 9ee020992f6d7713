/* test_context.c: records of handlers on their way, and what a worker knows of its server. */
#include "unit.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dora/runtime.h>

#include "base/log.h"
#include "ipc/log_packet.h"
#include "task/app.h"
#include "task/context.h"
#include "task/job.h"
#include "unit_threads.h"
#include "wire/message.h"

static int fds[2];
static dr_context context;
static dr_log_packet packet;

static int set_up(void **state)
{
    (void)state;
    dora_error error;
    context = (dr_context){.log_level = DR_LOG_INFO, .pool = "p"};
    if (dr_log_packet_pair(fds, &error) != DORA_OK) {
        return -1;
    }
    context.log_fd = fds[1];
    dr_context_set(&context);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dr_context_set(NULL);
    return close(fds[0]) + close(fds[1]);
}

static void outside_a_server(void **state)
{
    (void)state;
    dora_server_info info = {.size = sizeof info};
    assert_false(dora_log(DORA_LOG_ERROR, "t", NULL, 0, "x", 1));
    assert_false(dora_log_value(DORA_LOG_ERROR, "t", NULL, 0, "1", 1));
    dora_reply reply = {.code = 7};
    assert_false(dora_log_fault(&(dora_request){.type = DR_TYPE_W_S}, &reply, NULL));
    assert_false(dora_log_is_wanted(DORA_LOG_ERROR));
    assert_false(dora_log_level_set(9));
    assert_false(dora_server_info_get(&info));
}

static void a_record_arrives_as_it_was(void **state)
{
    (void)state;
    dr_log_entry entry;
    uint64_t dropped = 1;
    assert_true(dora_log(DORA_LOG_ERROR, "tag", "file.c", 9, "me\0ss", 5));
    assert_true(dora_log(DORA_LOG_INFO, NULL, NULL, 0, NULL, 0));
    assert_true(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
    assert_int_equal(entry.level, DORA_LOG_ERROR);
    assert_slice(entry.tag, "tag");
    assert_slice(entry.file, "file.c");
    assert_int_equal(entry.line, 9);
    assert_int_equal(entry.pid, getpid());
    assert_true(entry.time_ns > 1600000000000000000u);
    assert_int_equal(entry.msg.len, 5);
    assert_memory_equal(entry.msg.data, "me\0ss", 5);
    assert_int_equal(dropped, 0);
    assert_true(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
    assert_int_equal(entry.tag.len + entry.file.len + entry.msg.len, 0);
    assert_false(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
}

static void a_fault_arrives_with_its_call(void **state)
{
    (void)state;
    dr_log_entry entry;
    uint64_t dropped;
    static char long_text[DR_LOG_RECORD_MAX + 1];
    memset(long_text, 'x', sizeof(long_text));
    const dora_request request = {.name = {"/a\0b", 4},
                                  .guid = {"g", 1},
                                  .trace = {"t", 1},
                                  .came_ns = 1000,
                                  .began_ns = 3000,
                                  .type = DR_TYPE_AN_M};
    dora_reply reply = {.has_failed = true, .code = 7, .msg = "said", .msg_len = 4};
    const dora_fault fault = {.class_name = {"E", 1},
                              .traceback = {long_text, sizeof(long_text)},
                              .file = {"f.c", 3},
                              .line = 9};
    assert_true(dora_log_fault(&request, &reply, &fault));
    assert_true(reply.is_logged);
    assert_true(dora_log_fault(&request, &reply, NULL));
    assert_true(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
    assert_int_equal(entry.level, DORA_LOG_ERROR);
    assert_slice(entry.msg, "said"); /* the fault says nothing */
    assert_slice(entry.file, "f.c");
    assert_int_equal(entry.line, 9);
    assert_true(entry.is_line);
    assert_non_null(entry.call);
    assert_int_equal(entry.call->api.len, 4);
    assert_memory_equal(entry.call->api.data, "/a\0b", 4);
    assert_slice(entry.call->guid, "g");
    assert_slice(entry.call->trace, "t");
    assert_slice(entry.call->type, "AN_M");
    assert_slice(entry.call->class_name, "E");
    assert_int_equal(entry.call->traceback.len, DR_LOG_RECORD_MAX);
    assert_int_equal(entry.call->code, 7);
    assert_true(entry.call->is_timed);
    assert_int_equal(entry.call->queue_ns, 2000);
    assert_true(entry.call->run_ns > 0);
    assert_true(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
    assert_slice(entry.msg, "said");
    assert_int_equal(entry.call->class_name.len + entry.call->traceback.len, 0);
    assert_true(dora_log(DORA_LOG_ERROR, "t", NULL, 0, "x", 1));
    assert_true(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
    assert_null(entry.call);
}

static void a_call_that_has_its_answer_is_told_from_a_copy(void **state)
{
    (void)state;
    dr_log_entry entry;
    uint64_t dropped;
    char name[] = "/a";
    char guid[] = "guid";
    char trace[] = "trace";
    const dora_request request = {.name = {name, 2},
                                  .guid = {guid, 4},
                                  .trace = {trace, 5},
                                  .came_ns = 1000,
                                  .began_ns = 3000,
                                  .type = DR_TYPE_W_S};
    const dora_fault fault = {.size = sizeof fault, .msg = {"hangs", 5}, .traceback = {"at", 2}};
    dora_request *kept = dora_request_keep(&request);
    assert_non_null(kept);
    memset(name, 'x', 2); /* its block is another one's now */
    memset(guid, 'x', 4);
    memset(trace, 'x', 5);
    assert_true(dora_log_late(kept, DORA_CODE_TIME_LIMIT, &fault));
    assert_true(dora_log_late(kept, DORA_CODE_CANCELLED, NULL));
    dora_request_free(kept);
    dora_request_free(NULL);
    assert_true(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
    assert_int_equal(entry.level, DORA_LOG_ERROR);
    assert_slice(entry.msg, "hangs");
    assert_slice(entry.call->api, "/a");
    assert_slice(entry.call->guid, "guid");
    assert_slice(entry.call->trace, "trace");
    assert_slice(entry.call->type, "W_S");
    assert_slice(entry.call->traceback, "at");
    assert_int_equal(entry.call->code, DORA_CODE_TIME_LIMIT);
    assert_int_equal(entry.call->queue_ns, 2000);
    assert_true(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
    assert_slice(entry.msg, dora_code_text(DORA_CODE_CANCELLED));
}

static void the_threshold_spares_the_system_call(void **state)
{
    (void)state;
    dr_log_entry entry;
    uint64_t dropped;
    assert_true(dora_log(DORA_LOG_SNAP, "t", NULL, 0, "x", 1));
    assert_false(dora_log_is_wanted(DORA_LOG_SNAP));
    assert_true(dora_log_is_wanted(DORA_LOG_EXCEPTION));
    assert_false(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
}

static void a_process_may_have_a_threshold_of_its_own(void **state)
{
    (void)state;
    dr_log_entry entry;
    uint64_t dropped;
    assert_true(dora_log_level_set(DORA_LOG_PERFORMANCE));
    assert_true(dora_log(DORA_LOG_PERFORMANCE, "t", NULL, 0, "x", 1));
    assert_true(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
    assert_true(dora_log_level_set(DORA_LOG_DEBUG));
    assert_true(dora_log(DORA_LOG_TRACE, "t", NULL, 0, "x", 1));
    assert_false(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
    assert_true(dora_log(DORA_LOG_EMERGENCY, "t", NULL, 0, "x", 1));
    assert_true(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
}

static void a_value_that_is_cut_is_a_text(void **state)
{
    (void)state;
    dr_log_entry entry;
    uint64_t dropped;
    char *text = malloc(DR_LOG_RECORD_MAX + 1);
    assert_non_null(text);
    memset(text, '1', DR_LOG_RECORD_MAX + 1);
    for (size_t more = 0; more < 2; more++) {
        assert_true(dora_log_value(DORA_LOG_INFO, "t", NULL, 0, text, DR_LOG_RECORD_MAX + more));
        assert_true(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
        assert_int_equal(entry.is_value, more == 0);
    }
    free(text);
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    dr_log_entry entry;
    uint64_t dropped;
    const size_t len = DR_LOG_RECORD_MAX + 1;
    char *text = malloc(len + 1);
    assert_non_null(text);
    memset(text, 'x', len);
    text[len] = '\0';
    for (size_t less = 0; less < 2; less++) {
        assert_true(dora_log(DORA_LOG_INFO, text, text, 1, text, len - less));
        assert_true(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
        assert_int_equal(entry.msg.len, DR_LOG_RECORD_MAX);
        assert_int_equal(entry.tag.len, DR_LOG_TAG_MAX);
        assert_int_equal(entry.file.len, DR_LOG_FILE_MAX);
    }
    free(text);
}

static void what_does_not_fit_is_counted(void **state)
{
    (void)state;
    dr_log_entry entry;
    uint64_t dropped = 0;
    uint64_t told = 0;
    uint64_t came = 0;
    for (int i = 0; i < 100000; i++) {
        assert_true(dora_log(DORA_LOG_INFO, "t", NULL, 0, "x", 1));
    }
    while (dr_log_packet_receive(fds[0], &packet, &entry, &dropped)) {
        came++;
        told += dropped;
    }
    assert_int_equal(told, 0);
    assert_true(came < 100000);
    assert_true(dora_log(DORA_LOG_INFO, "t", NULL, 0, "x", 1));
    assert_true(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
    assert_int_equal(came + dropped, 100000);
    assert_true(dora_log(DORA_LOG_INFO, "t", NULL, 0, "x", 1));
    assert_true(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
    assert_int_equal(dropped, 0);
}

static void a_master_that_is_gone_is_no_harm(void **state)
{
    (void)state;
    assert_int_equal(shutdown(fds[0], SHUT_RDWR), 0);
    assert_true(dora_log(DORA_LOG_INFO, "t", NULL, 0, "x", 1));
    assert_int_equal(atomic_load(&context.dropped), 1);
}

static void packets_that_a_handler_made_up(void **state)
{
    (void)state;
    dr_log_entry entry;
    uint64_t dropped;
    uint32_t words[12] = {0};
    for (size_t i = 0; i < 12; i++) {
        words[i] = UINT32_MAX;
    }
    for (size_t len = 1; len <= sizeof(words); len++) {
        assert_int_equal(send(fds[1], words, len, 0), len);
        assert_false(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
    }
    static char large[DR_LOG_PACKET_MAX + 100];
    assert_int_equal(send(fds[1], large, sizeof(large), 0), sizeof(large));
    assert_false(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
    assert_true(dora_log(DORA_LOG_INFO, "t", NULL, 0, "x", 1));
    assert_true(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
}

static void a_worker_knows_its_server(void **state)
{
    (void)state;
    static dr_status_page board;
    static _Atomic uint64_t requests = 5;
    dora_server_info info = {.size = sizeof info};
    assert_false(dora_server_info_get(&info)); /* a zygote is no worker */
    atomic_store(&context.dropped, 3);
    atomic_store(&board.pid, 77);
    atomic_store(&board.tasks, 4);
    dr_context_enter(&context, &board, 6, &requests, NULL);
    assert_true(dora_server_info_get(&info));
    assert_int_equal(info.pid, 77);
    assert_int_equal(info.tasks, 4);
    assert_int_equal(info.worker, 6);
    assert_int_equal(info.worker_requests, 5);
    assert_string_equal(info.pool, "p");
    assert_int_equal(atomic_load(&context.dropped), 0); /* those were the zygote's */
    const pid_t pid = fork();
    if (pid == 0) { /* the shared memory does not go along */
        _exit(dora_server_info_get(&info) ? 1 : 0);
    }
    assert_int_equal(unit_wait(pid), 0);
}

static void *log_once(void *user)
{
    (void)user;
    return dora_log(DORA_LOG_INFO, "t", NULL, 0, "x", 1) ? NULL : &context;
}

/* The worker goes on to its next job meanwhile: the thread sanitizer sees who looks at it. */
static void a_thread_of_a_handlers_own_logs_without_its_call(void **state)
{
    (void)state;
    static dr_job job = {.request = {.name = {"/x", 2}, .guid = {NULL, 0}}};
    const struct dora_task *now = &job;
    unit_threads threads = {.count = 0};
    dr_log_entry entry;
    uint64_t dropped;
    dr_context_enter(&context, NULL, 0, NULL, &now);
    unit_threads_start(&threads, 1, log_once, NULL);
    now = NULL;
    assert_int_equal(unit_threads_join(&threads), 0);
    assert_true(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
    assert_null(entry.call);
    now = &job;
    assert_null(log_once(NULL));
    assert_true(dr_log_packet_receive(fds[0], &packet, &entry, &dropped));
    assert_non_null(entry.call);
    assert_memory_equal(entry.call->api.data, "/x", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outside_a_server),
        cmocka_unit_test_setup_teardown(a_record_arrives_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_fault_arrives_with_its_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_call_that_has_its_answer_is_told_from_a_copy, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_threshold_spares_the_system_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_process_may_have_a_threshold_of_its_own, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_value_that_is_cut_is_a_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_texts_are_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_master_that_is_gone_is_no_harm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packets_that_a_handler_made_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_worker_knows_its_server, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_thread_of_a_handlers_own_logs_without_its_call, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
