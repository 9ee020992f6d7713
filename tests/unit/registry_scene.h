/* registry_scene.h: a mux with a registry, two Redis and any number of nodes as bytes; the test
 * gives the time. */
#ifndef DORA_TEST_REGISTRY_SCENE_H
#define DORA_TEST_REGISTRY_SCENE_H

#include "fake_redis.h"
#include "unit_folder.h"

#include <dora/mux.h>

#include "client/mux/mux.h"

#define MS ((uint64_t)DR_NS_PER_MS)
#define BEGIN (100000 * MS)
#define SIDES_MAX 64
#define REDIS_PORT 6379

/* A connection that the mux has asked for. */
typedef struct side {
    uint64_t id; /* 0: closed */
    uint16_t port;
    bool is_open;
    fake_redis_conn redis;
    char guids[16][33]; /* of requests to a node that were not answered */
    int guid_count;
} side;

/* Two Redis, on ports 6379 and 6380, any number of nodes, and what the mux said. */
typedef struct registry_scene {
    dora_mux *mux;
    uint64_t now_ns;
    fake_redis redis[2];
    bool is_refusing[2]; /* connections to it fail */
    bool is_mute;        /* nodes do not answer */
    size_t step;         /* bytes of Redis that are given at a time; 0: all */
    side sides[SIDES_MAX];
    int side_count;
    int done;
    int good;
    int64_t code; /* of the last that ended */
    char msg[512];
    int warnings;
    char warning[512];
    unit_folder folder;
} registry_scene;

/* registry_begin makes the mux; registry_end ends it, and checks that all calls end and all
 * connections close. */
void registry_begin(registry_scene *s, const char *nodes);
void registry_end(registry_scene *s);
UNIT_SCENE(registry_scene, registry_end)

/* registry_on_warning is the mux's: it counts. */
void registry_on_warning(void *user, const char *text);

/* registry_call and registry_call_with begin a call. */
uint64_t registry_call(registry_scene *s);
uint64_t registry_call_with(registry_scene *s, const dora_call_options *options);

/* registry_hear asks for the events. Returns: whether there were any. registry_run goes on until
 * nobody has anything to do; registry_later does so after some time. */
bool registry_hear(registry_scene *s);
void registry_run(registry_scene *s);
void registry_later(registry_scene *s, uint64_t ms);

/* registry_publish says on the channel of a Redis that something has changed. */
void registry_publish(registry_scene *s, int redis);

/* registry_reply answers one request of a node, registry_connect opens a connection, or refuses
 * it; registry_drop forgets one. */
void registry_reply(registry_scene *s, side *to);
void registry_connect(registry_scene *s, side *at);
void registry_drop(side *at);
bool registry_is_redis(const side *at);

/* registry_open_to is how many connections there are to a port. */
int registry_open_to(const registry_scene *s, uint16_t port);

#endif
