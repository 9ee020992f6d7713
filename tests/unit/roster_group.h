/* roster_group.h: looking into a roster. */
#ifndef DORA_TEST_ROSTER_GROUP_H
#define DORA_TEST_ROSTER_GROUP_H

#include <string.h>

#include "discovery/roster.h"

/* group_of gives a group by name, NULL where there is none, or no roster. */
static inline const dr_roster_group *group_of(const dr_roster *roster, const char *name)
{
    for (size_t i = 0; roster != NULL && i < roster->count; i++) {
        if (strcmp(roster->groups[i].name, name) == 0) {
            return &roster->groups[i];
        }
    }
    return NULL;
}

#endif
