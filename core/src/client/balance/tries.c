/* tries.c: all tries at one call: what may be sent again, where, and in what time. Pure. */
#include "client/balance/tries.h"
#include "client/balance/node_parse.h"

#define CONNECT_MS_MAX 1000u /* to one node while there are others to try */
#define PAUSE_MS 20u         /* before the servers are tried anew, doubled each time */
#define PAUSE_DOUBLINGS 5u   /* so often at most: a server that is back is found soon */
#define LAST_TRY_MS 100u     /* of a call's time, which a wait leaves to its last try */

dora_err dr_tries_nowhere(dora_error *error, const char *why)
{
    dora_error_set(error, DORA_ECONNECT, "%s", why);
    if (error != NULL) {
        error->code = DORA_CODE_CONNECT;
    }
    return DORA_ECONNECT;
}

dora_err dr_tries_group(dr_tries *tries, const dr_nodes *nodes, const char *name, dora_error *error)
{
    if (name != NULL) {
        return dr_nodes_group(nodes, name, &tries->group, error);
    }
    tries->group = nodes->default_group;
    if (tries->group < nodes->group_count && nodes->groups[tries->group].count > 0) {
        return DORA_OK;
    }
    if (tries->group < nodes->group_count) {
        return dr_nodes_group(nodes, nodes->groups[tries->group].name, &tries->group, error);
    }
    return dr_tries_nowhere(error, "no server is known");
}

dora_err dr_tries_begin(dr_tries *tries, const dr_settings *settings, const dr_nodes *nodes,
                        const dora_call_options *options, uint64_t now_ns, uint64_t nested_ns,
                        dora_error *error)
{
    static const dora_call_options none = {.size = sizeof none, .timeout_ms = 0};
    options = options != NULL ? options : &none;
    *tries = (dr_tries){
        .attempt = -1,
        .is_named = options->node != NULL,
        .timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : settings->timeout_ms,
        .retries_left = options->retry == 0 ? settings->retry : 0,
    };
    if (options->retry > 0) {
        tries->retries_left = (uint32_t)options->retry;
    }
    tries->wait_ms = options->wait_ms == 0 ? settings->wait_ms : 0;
    if (options->wait_ms > 0) {
        tries->wait_ms = (uint32_t)options->wait_ms;
    }
    tries->deadline_ns = now_ns + (uint64_t)tries->timeout_ms * DR_NS_PER_MS;
    if (nested_ns != 0 && nested_ns < tries->deadline_ns) {
        tries->deadline_ns = nested_ns;
    }
    return tries->is_named ? DORA_OK : dr_tries_group(tries, nodes, options->group, error);
}

static uint32_t tries_left(const dr_tries *tries)
{
    return tries->retries_left < UINT32_MAX ? tries->retries_left + 1 : UINT32_MAX;
}

uint64_t dr_tries_until_ns(const dr_tries *tries, uint64_t now_ns)
{
    if (now_ns >= tries->deadline_ns) {
        return tries->deadline_ns;
    }
    return now_ns + (tries->deadline_ns - now_ns) / tries_left(tries);
}

uint32_t dr_tries_usual_ms(const dr_tries *tries)
{
    uint32_t left = tries_left(tries);
    return tries->timeout_ms / left + (tries->timeout_ms % left != 0 ? 1 : 0);
}

/* Nodes that were not tried; with `is_usable` only those that are not set aside. */
static size_t others(const dr_tries *tries, const dr_nodes *nodes, uint64_t now_ms, bool is_usable)
{
    if (tries->is_named) {
        return 0;
    }
    return dr_nodes_untried(nodes, tries->group, &tries->tried, now_ms, is_usable);
}

uint64_t dr_tries_connect_ns(const dr_tries *tries, const dr_nodes *nodes, uint64_t begun_ns,
                             uint64_t until_ns)
{
    size_t untried = others(tries, nodes, 0, false);
    if (untried < 2 || until_ns <= begun_ns) {
        return until_ns;
    }
    uint64_t part = (until_ns - begun_ns) / untried;
    uint64_t most = (uint64_t)CONNECT_MS_MAX * DR_NS_PER_MS;
    return begun_ns + (part < most ? part : most);
}

dora_err dr_tries_pick(dr_tries *tries, dr_nodes *nodes, uint64_t now_ms, uint64_t random)
{
    if (tries->is_same && nodes->items[tries->node].life != tries->life) {
        tries->is_same = false; /* the registry has another server there by now */
    }
    if (!tries->is_same) {
        tries->node = dr_nodes_pick(nodes, tries->group, &tries->tried, now_ms, random);
    }
    if (tries->node == nodes->count) {
        return DORA_ECONNECT;
    }
    tries->life = nodes->items[tries->node].life;
    return DORA_OK;
}

dr_try_outcome dr_tries_outcome(const dr_try *made)
{
    switch (made->err) {
    case DORA_OK:
        return made->code == DORA_CODE_STOPPING || made->is_overloaded ? DR_NOT_RUN : DR_ANSWERED;
    case DORA_ECONNECT:
        return DR_NOT_RUN;
    case DORA_ECLOSED:
    case DORA_EIO:
        return made->is_unsent ? DR_NOT_RUN : DR_UNKNOWN;
    case DORA_ETIMEDOUT:
        return DR_UNKNOWN;
    default:
        return DR_FAILED;
    }
}

bool dr_tries_note(dr_tries *tries, const dr_try *made)
{
    if (tries->maybe_ran != DORA_OK || tries->retries_left == 0 ||
        dr_tries_outcome(made) != DR_UNKNOWN) {
        return false;
    }
    tries->maybe_ran = made->err;
    return true;
}

/* After a try that certainly did not run. Returns: whether there is another place to try. */
static bool go_elsewhere(dr_tries *tries, const dr_try *made, const dr_nodes *nodes,
                         uint64_t now_ms)
{
    if (made->is_reused && !made->is_overloaded) {
        tries->is_same = true; /* a new server may listen there by now */
        return true;
    }
    dr_tried_add(&tries->tried, tries->node);
    if (made->is_overloaded && made->code == DORA_CODE_OK) {
        /* One handler's envelope says so. Its reply is good, so only one other node is asked. */
        bool is_first = !tries->was_overloaded;
        tries->was_overloaded = true;
        return is_first && others(tries, nodes, now_ms, true) > 0;
    }
    return others(tries, nodes, now_ms, false) > 0;
}

/* After a try that may have run: the same node first, since it may know a repeat by its guid. */
static bool repeat(dr_tries *tries, const dr_nodes *nodes, uint64_t now_ms)
{
    if (tries->retries_left == 0) {
        return false;
    }
    tries->retries_left--;
    if (tries->attempt < 0) {
        tries->attempt = 1;
        tries->is_same = true;
        return true;
    }
    tries->attempt++;
    dr_tried_add(&tries->tried, tries->node);
    if (others(tries, nodes, now_ms, false) == 0) {
        tries->tried = (dr_tried){{0}};
    }
    return true;
}

/* room_of gives the place for a server's word: of too many the one is forgotten that has room
 * first. */
static dr_room *room_of(dr_tries *tries, size_t node)
{
    dr_room *first = &tries->rooms[0];
    for (uint32_t i = 0; i < tries->room_count; i++) {
        dr_room *room = &tries->rooms[i];
        if (room->node == node) {
            return room;
        }
        first = room->at_ns < first->at_ns ? room : first;
    }
    return tries->room_count < DR_ROOMS_MAX ? &tries->rooms[tries->room_count++] : first;
}

/* note_room remembers when a server has room that has refused. */
static void note_room(dr_tries *tries, const dr_try *made, uint64_t now_ns)
{
    if (made->retry_after_ms != 0) {
        *room_of(tries, tries->node) = (dr_room){
            .at_ns = now_ns + (uint64_t)made->retry_after_ms * DR_NS_PER_MS, .node = tries->node};
    }
}

/* first_room_ns is when the first server has room that has none now; 0: none has said so. */
static uint64_t first_room_ns(const dr_tries *tries, uint64_t now_ns)
{
    uint64_t first_ns = 0;
    for (uint32_t i = 0; i < tries->room_count; i++) {
        const uint64_t at_ns = tries->rooms[i].at_ns;
        if (at_ns > now_ns && (first_ns == 0 || at_ns < first_ns)) {
            first_ns = at_ns;
        }
    }
    return first_ns;
}

/* without_room gives the servers that have none yet at a time. */
static dr_tried without_room(const dr_tries *tries, uint64_t at_ns)
{
    dr_tried found = {{0}};
    for (uint32_t i = 0; i < tries->room_count; i++) {
        if (tries->rooms[i].at_ns > at_ns) {
            dr_tried_add(&found, tries->rooms[i].node);
        }
    }
    return found;
}

bool dr_tries_again(dr_tries *tries, const dr_try *made, const dr_nodes *nodes, uint64_t now_ns)
{
    dr_try_outcome outcome = dr_tries_outcome(made);
    uint64_t now_ms = now_ns / DR_NS_PER_MS;
    tries->is_same = false;
    note_room(tries, made, now_ns);
    if ((outcome != DR_NOT_RUN && outcome != DR_UNKNOWN) || now_ns >= tries->deadline_ns) {
        return false;
    }
    return outcome == DR_NOT_RUN ? go_elsewhere(tries, made, nodes, now_ms)
                                 : repeat(tries, nodes, now_ms);
}

/* Until when a call waits that begins to do so now. */
static uint64_t giving_up_ns(const dr_tries *tries, uint64_t now_ns)
{
    const uint64_t kept_ns = (uint64_t)LAST_TRY_MS * DR_NS_PER_MS;
    uint64_t most_ns = tries->deadline_ns > kept_ns ? tries->deadline_ns - kept_ns : 0;
    uint64_t until_ns = now_ns + (uint64_t)tries->wait_ms * DR_NS_PER_MS;
    return until_ns < most_ns ? until_ns : most_ns;
}

/* When the pause that begins now ends, where the servers have room at `room_ns`; 0: any time. */
static uint64_t pause_end_ns(const dr_tries *tries, uint64_t room_ns, uint64_t now_ns,
                             uint64_t random)
{
    uint32_t doublings = tries->pauses < PAUSE_DOUBLINGS ? tries->pauses : PAUSE_DOUBLINGS;
    uint64_t half_ns = ((uint64_t)PAUSE_MS * DR_NS_PER_MS << doublings) / 2;
    if (room_ns > now_ns + half_ns) {     /* up to half as much later: */
        half_ns = (room_ns - now_ns) / 2; /*   many have heard the same */
        return room_ns + random % half_ns;
    }
    return now_ns + half_ns + random % half_ns;
}

bool dr_tries_wait(dr_tries *tries, const dr_try *made, uint64_t now_ns, uint64_t random,
                   uint64_t *again_ns)
{
    /* A server that has too much to do is there: to ask it again before it has said only adds to
     * that. */
    bool is_unsaid = made->is_overloaded && made->retry_after_ms == 0;
    if (tries->wait_ms == 0 || is_unsaid || dr_tries_outcome(made) != DR_NOT_RUN) {
        return false;
    }
    if (tries->pauses == 0) {
        tries->giving_up_ns = giving_up_ns(tries, now_ns);
    }
    const uint64_t room_ns = made->is_overloaded ? first_room_ns(tries, now_ns) : 0;
    if (now_ns >= tries->giving_up_ns || room_ns > tries->giving_up_ns) {
        return false;
    }
    *again_ns = pause_end_ns(tries, room_ns, now_ns, random);
    *again_ns = *again_ns < tries->giving_up_ns ? *again_ns : tries->giving_up_ns;
    tries->pauses++;
    tries->was_overloaded = false;
    tries->tried = without_room(tries, *again_ns);
    tries->is_same = false;
    return true;
}

bool dr_tries_maybe_ran(const dr_tries *tries, const dr_try *last, dora_err err)
{
    bool is_refused = err == DORA_EREPLY && dora_code_is_not_run(last->code);
    return err != DORA_OK && tries->maybe_ran != DORA_OK &&
           (dr_tries_outcome(last) == DR_NOT_RUN || is_refused);
}

dr_advice dr_tries_record_outcome(dr_nodes *nodes, size_t node, const dr_try *made,
                                  uint64_t took_ns, uint64_t now_ms)
{
    switch (made->err) {
    case DORA_OK:
        if (made->code == DORA_CODE_STOPPING) {
            dr_nodes_failed(nodes, node, now_ms);
            return DR_ADVICE_LEAVE;
        }
        dr_nodes_succeeded(nodes, node);
        if (!made->is_overloaded) { /* saying no is quick, and no reason to come back */
            dr_nodes_measured(nodes, node, took_ns, now_ms);
        }
        return DR_ADVICE_NONE;
    case DORA_ECONNECT:
    case DORA_ECLOSED:
    case DORA_EIO:
    case DORA_EPROTO:
        if (!made->is_reused) { /* one that was kept may just be old */
            dr_nodes_failed(nodes, node, now_ms);
        }
        return DR_ADVICE_MAYBE_RAN;
    case DORA_ETIMEDOUT:
        dr_nodes_silent(nodes, node, took_ns, now_ms);
        return DR_ADVICE_NONE;
    default:
        return DR_ADVICE_NONE;
    }
}
