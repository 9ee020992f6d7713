/* scene.h: a bad server, a client of it, and an answer: the stage of the client's tests. */
#ifndef DORA_TEST_SCENE_H
#define DORA_TEST_SCENE_H

#include "unit.h"

#include <dora/client.h>

#include "bad_server.h"
#include "unit_folder.h"
#include "unit_threads.h"

typedef struct scene {
    bad_server server;
    bad_server *others;  /* of bad_server_add */
    char elsewhere[128]; /* the address of scene_begin_elsewhere's server */
    pid_t elsewhere_pid;
    int fds[4]; /* elsewhere's, or the test's own */
    unit_threads threads;
    unit_folder folder;
    dora_client *client;
    dora_answer *answer;
    dora_error error;
} scene;

/* scene_begin starts the server and makes a client of `nodes`, NULL: of the server, that waits 10
 * seconds. scene_begin_elsewhere makes one of a server in a process of its own, where failing
 * allocations are not its. scene_remake makes another client instead. scene_end ends all. */
void scene_begin(scene *s, const char *nodes);
void scene_begin_elsewhere(scene *s);
void scene_remake(scene *s, const dora_client_options *options);
void scene_end(scene *s);
UNIT_SCENE(scene, scene_end)

/* scene_begin_pair also starts another server, and makes a client of both. */
bad_server *scene_begin_pair(scene *s, uint32_t retry, uint32_t timeout_ms);

/* scene_call calls one api with an encoded parameter ("" is null); timeout_ms 0: the client's. */
dora_err scene_call(scene *s, const char *name, const char *param, uint32_t timeout_ms);

/* scene_submit does so for a later result, scene_send for none. */
dora_err scene_submit(scene *s, const char *name, const char *param);
dora_err scene_send(scene *s, const char *name, const char *param);

/* scene_collect collects for at most `timeout_ms`; the caller frees. */
dora_collection *scene_collect(scene *s, uint32_t timeout_ms);

/* scene_expect_data checks a result; scene_expect_echo that a call works. */
void scene_expect_data(const dora_answer *answer, size_t index, const char *data);
void scene_expect_echo(scene *s);

/* scene_expect_one collects and checks the only result. */
void scene_expect_one(scene *s, const char *data, bool came_early);

/* scene_param writes a number as a parameter; scene_number is the one that a submission echoed. */
void scene_param(char param[32], int number);
int scene_number(const dora_collected *item);

#endif
