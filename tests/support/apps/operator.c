/* operator.c: an application in C that logs, and tells what it knows of its server. */
#include <dora/dora.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error);

#define LINE_MAX_BYTES 100

static int64_t int_of(const dora_request *request)
{
    dora_reader reader;
    dora_value value = {0};
    dora_request_reader(request, &reader);
    return dora_reader_value(&reader, &value) == DORA_OK ? value.integer : 0;
}

/* /fail {code, msg}: an error with these. */
static dora_err fail(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    dora_reader reader;
    dora_value value;
    dora_value parts[4]; /* keys and values */
    dora_request_reader(request, &reader);
    dora_err err = dora_reader_value(&reader, &value);
    for (size_t i = 0; i < 4 && err == DORA_OK; i++) {
        err = i % 2 == 0 ? dora_reader_key(&reader, &parts[i])
                         : dora_reader_value(&reader, &parts[i]);
    }
    return err != DORA_OK ? err
                          : dora_reply_fail(reply, parts[1].integer, parts[3].string.data,
                                            parts[3].string.len);
}

/* /log [level, tag, line, message]: whether there was a log. A tag of null is none. */
static dora_err log_one(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    dora_reader reader;
    dora_value list;
    dora_value key;
    dora_value items[4];
    char tag[1000] = "";
    dora_request_reader(request, &reader);
    dora_err err = dora_reader_value(&reader, &list);
    for (size_t i = 0; i < 4 && err == DORA_OK; i++) {
        err = dora_reader_key(&reader, &key);
        err = err == DORA_OK ? dora_reader_value(&reader, &items[i]) : err;
    }
    if (err != DORA_OK) {
        return err;
    }
    const bool has_tag = items[1].type != DORA_NULL;
    if (has_tag) {
        (void)snprintf(tag, sizeof(tag), "%.*s", (int)items[1].string.len, items[1].string.data);
    }
    const bool is_there = dora_log(
        (int)items[0].integer, has_tag ? tag : NULL, items[2].integer == 0 ? NULL : "operator.c",
        (uint32_t)items[2].integer, items[3].string.data, items[3].string.len);
    return dora_write_bool(dora_reply_writer(reply), is_there);
}

static void *flood(void *argument)
{
    const int64_t count = *(const int64_t *)argument;
    char text[LINE_MAX_BYTES];
    for (int64_t i = 0; i < count; i++) {
        const int len = snprintf(text, sizeof(text), "record %lld of many", (long long)i);
        (void)dora_log(DORA_LOG_INFO, "flood", NULL, 0, text, (size_t)len);
    }
    return NULL;
}

/* /flood count: logs as many records, and says how many milliseconds that took. */
static dora_err log_many(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    int64_t count = int_of(request);
    struct timespec begin;
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    (void)flood(&count);
    clock_gettime(CLOCK_MONOTONIC, &end);
    return dora_write_int(dora_reply_writer(reply), (end.tv_sec - begin.tv_sec) * 1000 +
                                                        (end.tv_nsec - begin.tv_nsec) / 1000000);
}

/* /flood/stopped count: the same, once somebody has let the process that stops itself go on. */
static dora_err log_many_stopped(const dora_request *request, dora_reply *reply, void *user)
{
    (void)raise(SIGSTOP);
    return log_many(request, reply, user);
}

/* /threads count: the same from four threads at a time. */
static dora_err log_threads(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    int64_t count = int_of(request);
    pthread_t threads[4];
    size_t started = 0;
    while (started < 4 && pthread_create(&threads[started], NULL, flood, &count) == 0) {
        started++;
    }
    for (size_t i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    return dora_write_int(dora_reply_writer(reply), (int64_t)started);
}

/* /wanted: the levels that would be kept. */
static dora_err wanted(const dora_request *request, dora_reply *reply, void *user)
{
    (void)request;
    (void)user;
    dora_writer *writer = dora_reply_writer(reply);
    int64_t count = 0;
    for (int level = 1; level <= 9; level++) {
        count += dora_log_is_wanted(level);
    }
    (void)dora_write_array(writer, (size_t)count);
    count = 0;
    for (int level = 1; level <= 9; level++) {
        if (dora_log_is_wanted(level)) {
            (void)dora_write_int(writer, count++);
            (void)dora_write_int(writer, level);
        }
    }
    return dora_write_end(writer);
}

static void write_member(dora_writer *writer, const char *key, uint64_t value)
{
    (void)dora_write_string(writer, key, strlen(key));
    (void)dora_write_int(writer, (int64_t)value);
}

/* /info: what dora_server_info_get says. */
static dora_err info(const dora_request *request, dora_reply *reply, void *user)
{
    (void)request;
    (void)user;
    dora_writer *writer = dora_reply_writer(reply);
    dora_server_info all = {.size = sizeof all};
    if (!dora_server_info_get(&all)) {
        return dora_write_null(writer);
    }
    (void)dora_write_array(writer, 12);
    (void)dora_write_string(writer, "pool", 4);
    (void)dora_write_string(writer, all.pool, strlen(all.pool));
    write_member(writer, "pid", (uint64_t)all.pid);
    write_member(writer, "worker", all.worker);
    write_member(writer, "start_time", (uint64_t)all.start_time);
    write_member(writer, "connections", all.connections);
    write_member(writer, "accepted", all.accepted);
    write_member(writer, "closed", all.closed);
    write_member(writer, "tasks", all.tasks);
    write_member(writer, "requests", all.requests);
    write_member(writer, "worker_requests", all.worker_requests);
    write_member(writer, "log_lines", all.log_lines);
    write_member(writer, "log_bytes", all.log_bytes);
    return dora_write_end(writer);
}

/* /nested address: calls /slow there with ten seconds to wait, and says what came of it. */
static dora_err nested(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    char nodes[200];
    dora_reader reader;
    dora_value address = {0};
    dora_error error = {0};
    dora_client *client = NULL;
    dora_request_reader(request, &reader);
    (void)dora_reader_value(&reader, &address);
    (void)snprintf(nodes, sizeof(nodes), "%.*s", (int)address.string.len, address.string.data);
    const dora_client_options options = {
        .size = sizeof options, .nodes = nodes, .timeout_ms = 10000};
    const dora_call call = {.name = {"/slow", 5}};
    dora_answer *answer = dora_answer_new();
    dora_err err = dora_client_new(&client, &options, &error);
    err = err == DORA_OK ? dora_client_call(client, &call, NULL, answer, &error) : err;
    dora_client_free(client);
    dora_answer_free(answer);
    (void)dora_log(DORA_LOG_INFO, "nested", NULL, 0, error.msg, strlen(error.msg));
    return dora_write_int(dora_reply_writer(reply), err);
}

/* /slow: three seconds. */
static dora_err slow(const dora_request *request, dora_reply *reply, void *user)
{
    (void)request;
    (void)user;
    (void)sleep(3);
    return dora_write_null(dora_reply_writer(reply));
}

/* /memory/take MiB: whether there was so much. */
static dora_err take_memory(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    void *memory = malloc((size_t)int_of(request) << 20);
    const bool is_there = memory != NULL;
    free(memory);
    return dora_write_bool(dora_reply_writer(reply), is_there);
}

/* /memory/crash MiB: takes pieces of that size and never asks whether it got one. */
static dora_err crash(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    const size_t size = (size_t)int_of(request) << 20;
    char *volatile memory;
    do {
        memory = malloc(size);
        memory[0] = 1;
    } while (size > 0);
    return dora_write_null(dora_reply_writer(reply));
}

static dora_err say_start(uint32_t worker, void *user, dora_error *error)
{
    (void)user;
    (void)error;
    char text[LINE_MAX_BYTES];
    dora_server_info all = {.size = sizeof all};
    const int len = snprintf(text, sizeof(text), "worker %u starts, info %d", worker,
                             dora_server_info_get(&all) && all.worker == worker);
    (void)dora_log(DORA_LOG_INFO, "hook", NULL, 0, text, (size_t)len);
    return DORA_OK;
}

static dora_err say_stop(uint32_t worker, void *user, dora_error *error)
{
    (void)user;
    (void)error;
    char text[LINE_MAX_BYTES];
    const int len = snprintf(text, sizeof(text), "worker %u stops", worker);
    (void)dora_log(DORA_LOG_INFO, "hook", NULL, 0, text, (size_t)len);
    return DORA_OK;
}

dora_err dora_app_init(dora_app *app, dora_error *error)
{
    static const struct {
        const char *name;
        dora_handler_fn fn;
    } apis[] = {{"/fail", fail},
                {"/log", log_one},
                {"/flood", log_many},
                {"/threads", log_threads},
                {"/wanted", wanted},
                {"/info", info},
                {"/nested", nested},
                {"/slow", slow},
                {"/flood/stopped", log_many_stopped},
                {"/memory/take", take_memory},
                {"/memory/crash", crash}};
    dora_server_info all = {.size = sizeof all};
    char text[LINE_MAX_BYTES];
    const int len = snprintf(text, sizeof(text), "loading, info %d", dora_server_info_get(&all));
    (void)dora_log(DORA_LOG_INFO, "zygote", NULL, 0, text, (size_t)len);
    dora_err err = DORA_OK;
    for (size_t i = 0; i < sizeof(apis) / sizeof(apis[0]) && err == DORA_OK; i++) {
        err = dora_app_api(app, apis[i].name, apis[i].fn, NULL);
    }
    (void)dora_app_worker_start(app, say_start, NULL);
    (void)dora_app_worker_stop(app, say_stop, NULL);
    return err == DORA_OK ? err : dora_error_set(error, err, "cannot register a handler");
}
