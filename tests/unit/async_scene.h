/* async_scene.h: a bad server, an asynchronous client of it on a loop, and what its calls said. */
#ifndef DORA_TEST_ASYNC_SCENE_H
#define DORA_TEST_ASYNC_SCENE_H

#include "unit.h"

#include <uv.h>

#include <dora/client_uv.h>

#include "bad_server.h"
#include "unit_folder.h"

/* heard is what one call said. */
typedef struct heard {
    struct async_scene *scene;
    uint64_t id;
    int accepted;
    int done;
    dora_err err;
    int64_t code; /* of the error, or of the first result */
    int os_error;
    char msg[256]; /* of the error */
    char guid[33];
    char data[256]; /* of the first result */
    size_t results;
} heard;

typedef struct async_scene {
    bad_server server;
    bad_server *others; /* of bad_server_add */
    uv_loop_t loop;
    bool has_loop;
    unit_folder folder;
    dora_async *async;
    int done; /* calls that ended */
    bool closed;
    dora_error error;
} async_scene;

/* async_begin starts the server and makes a client of `options`; options NULL or without nodes: of
 * the server. async_remake makes another client instead. async_end closes and ends all,
 * also what a test has on the loop without keeping it running. */
void async_begin(async_scene *s, const dora_client_options *options);
void async_remake(async_scene *s, const dora_client_options *options);
void async_close(async_scene *s);
void async_end(async_scene *s);
UNIT_SCENE(async_scene, async_end)

/* async_begin_pair also starts another server, and makes a client of both. */
bad_server *async_begin_pair(async_scene *s, uint32_t retry, uint32_t timeout_ms);

/* async_call begins a call of one api with an encoded parameter; async_submit for a later result.
 * `options` may be NULL. */
void async_call(async_scene *s, heard *h, const char *name, const char *param,
                const dora_call_options *options);
void async_submit(async_scene *s, heard *h, const char *name, const char *param,
                  const dora_call_options *options);
void async_on_done(dora_err err, const dora_error *error, const dora_answer *answer, void *user);
void async_on_accepted(dora_err err, const dora_error *error, const dora_answer *answer,
                       void *user);

/* async_run runs the loop until so many calls have ended in all. async_wait does so for one call,
 * async_run_until until `*value` is at least `least`. */
void async_run(async_scene *s, int done);
void async_wait(async_scene *s, const heard *h);
void async_run_until(async_scene *s, const int *value, int least);

/* async_expect_echo checks that a call works. */
void async_expect_echo(async_scene *s);

#endif
