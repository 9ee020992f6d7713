/* crowd.c: a dict's way of placing keys, without the dict. */
#include "crowd.h"

#define PERTURB_SHIFT 5 /* these four as in CPython's dictobject.c */
#define SIZE_MIN 8
#define USABLE(size) ((size)*2 / 3)
#define GROWTH(used) ((used)*3)

typedef struct dr_py_seat {
    Py_hash_t hash;
    long long number; /* ints that differ may have one hash; strings do not */
} seat;

/* find gives the key's place in the table, or the free one that it gets. */
static size_t find(const dr_py_crowd *crowd, const seat *key, uint64_t *passed)
{
    size_t perturb = (size_t)key->hash;
    size_t at = perturb & crowd->mask;
    for (;;) {
        const int32_t place = crowd->places[at];
        if (place < 0 ||
            (crowd->seats[place].hash == key->hash && crowd->seats[place].number == key->number)) {
            return at;
        }
        (*passed)++;
        perturb >>= PERTURB_SHIFT;
        at = (at * 5 + perturb + 1) & crowd->mask;
    }
}

/* grow makes a larger table, where all are placed anew. */
static bool grow(dr_py_crowd *crowd, uint64_t *passed)
{
    size_t size = SIZE_MIN;
    while (size < GROWTH(crowd->used)) {
        size *= 2;
    }
    int32_t *places = PyMem_Malloc(size * sizeof(*places));
    seat *seats = PyMem_Realloc(crowd->seats, USABLE(size) * sizeof(*seats));
    crowd->seats = seats != NULL ? seats : crowd->seats;
    if (places == NULL || seats == NULL) {
        PyMem_Free(places);
        PyErr_NoMemory();
        return false;
    }
    PyMem_Free(crowd->places);
    memset(places, 0xff, size * sizeof(*places));
    crowd->places = places;
    crowd->mask = size - 1;
    crowd->usable = USABLE(size) - crowd->used;
    for (size_t i = 0; i < crowd->used; i++) {
        places[find(crowd, &seats[i], passed)] = (int32_t)i;
    }
    return true;
}

bool dr_py_crowd_add(dr_py_crowd *crowd, PyObject *key, uint64_t *passed)
{
    seat added = {.hash = PyObject_Hash(key)};
    added.number = PyLong_Check(key) ? PyLong_AsLongLong(key) : 0;
    if (crowd->usable == 0 && !grow(crowd, passed)) {
        return false;
    }
    const size_t at = find(crowd, &added, passed);
    if (crowd->places[at] < 0) {
        crowd->places[at] = (int32_t)crowd->used;
        crowd->seats[crowd->used++] = added;
        crowd->usable--;
    }
    return true;
}

void dr_py_crowd_fini(dr_py_crowd *crowd)
{
    PyMem_Free(crowd->seats);
    PyMem_Free(crowd->places);
}
