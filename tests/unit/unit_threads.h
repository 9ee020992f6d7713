/* unit_threads.h: threads of a test, joined also when the test failed. */
#ifndef DORA_TEST_UNIT_THREADS_H
#define DORA_TEST_UNIT_THREADS_H

#include "unit.h"

#include <pthread.h>

#define UNIT_THREADS_MAX 16

/* All zero is none. */
typedef struct unit_threads {
    pthread_t ids[UNIT_THREADS_MAX];
    size_t count;
} unit_threads;

static inline void unit_threads_start(unit_threads *self, size_t count, void *(*body)(void *),
                                      void *user)
{
    for (; count > 0; count--) {
        assert_true(self->count < UNIT_THREADS_MAX);
        const int err = pthread_create(&self->ids[self->count], NULL, body, user);
        self->count += err == 0;
        assert_int_equal(err, 0);
    }
}

/* unit_threads_join. Returns: how many gave another value than NULL. */
static inline size_t unit_threads_join(unit_threads *self)
{
    size_t wrong = 0;
    for (; self->count > 0; self->count--) {
        void *value = NULL;
        pthread_join(self->ids[self->count - 1], &value);
        wrong += value != NULL;
    }
    return wrong;
}

#endif
