/* membership_scene.h: a Redis that answers what a membership asks, in fake time. */
#ifndef CENSUS_SCENE_H
#define CENSUS_SCENE_H

#include "unit.h"

#include "discovery/redis_session.h"

#define SCENE_MEMBERS_MAX 4200
#define SCENE_S UINT64_C(1000000000)
#define SCENE_MS UINT64_C(1000000)

/* scene_redis is what is in it. Texts are borrowed. */
typedef struct scene_redis {
    bool is_dead;        /* refuses connections */
    bool is_silent;      /* answers nothing */
    int64_t time_s;      /* TIME */
    size_t readings;     /* SMEMBERS so far */
    const char *refuses; /* a command that it answers with an error, NULL: none */
    size_t count;
    const char *members[SCENE_MEMBERS_MAX];
    const char *times[80]; /* "KEY=VALUE" of dora.servertime...; NULL ends */
    const char *nodes[80]; /* keys of dora.node... that stand; NULL ends */
} scene_redis;

/* scene_move does what the session wants, and answers, until nothing is left to say. */
void scene_move(scene_redis *redis, dr_redis *session, uint64_t now_ns);

/* scene_lose ends the connection of a session. scene_publish sends a message of the channel. */
void scene_lose(dr_redis *session, uint64_t now_ns);
void scene_publish(dr_redis *session, uint64_t now_ns);

#endif
