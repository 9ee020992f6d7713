/* redis_scene.h: a session with Redis and its owner, for unit tests: what they say is written down.
 */
#ifndef REDIS_SCENE_H
#define REDIS_SCENE_H

#include "unit.h"

#include "discovery/redis_session.h"

#define MS UINT64_C(1000000)
#define PING "*1\r\n$4\r\nPING\r\n"

/* What a session and its owner have said, as one text: "open", "down(why)", replies as written. */
typedef struct redis_scene {
    dr_redis *redis;
    uint64_t now_ns;
    char told[16384];
    size_t told_len;
    const char *on_open_say; /* a command to give when OPEN; NULL: none */
    const char *on_alarm_say;
    bool has_clock; /* a driver moves it: now_ns is not checked */
    bool stops_on_reply;
    bool fails_on_reply;
} redis_scene;

/* redis_scene_begin makes a session with the Redis of a url, and redis_scene_end frees it.
 * redis_scene_begin_open makes one that is OPEN, with nothing told yet. */
void redis_scene_begin(redis_scene *at, const char *where);
void redis_scene_begin_open(redis_scene *at);
void redis_scene_end(redis_scene *at);
UNIT_SCENE(redis_scene, redis_scene_end)

/* redis_scene_connect_it checks that a connection is wished, and says that it is there. */
void redis_scene_connect_it(redis_scene *at);

/* redis_scene_say gives a command of words parted by blanks; redis_scene_hear is bytes of Redis. */
dora_err redis_scene_say(redis_scene *at, const char *text);
void redis_scene_hear(redis_scene *at, const char *text);

/* redis_scene_told_is checks what was told since the last time. redis_scene_output_is checks what
 * is to be written, and says that it was. */
void redis_scene_told_is(redis_scene *at, const char *text);
void redis_scene_output_is(redis_scene *at, const char *text);

/* The owner, for tests that make their own session; `user` is the scene. */
void redis_scene_on_open(void *user, uint64_t now_ns);
void redis_scene_on_down(void *user, const char *why, uint64_t now_ns);
void redis_scene_on_reply(void *user, const dr_redis_reply *reply, uint64_t now_ns);

#endif
