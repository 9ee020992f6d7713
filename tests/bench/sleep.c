/* sleep.c: an application whose handler sleeps as many microseconds as it is told. Where the
 * environment has DORA_BENCH_BOOK, a file that begins with the count of its runs and has room for
 * more, each run is booked there: what ran, from when to when. */
#include <dora/dora.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measured.h"

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error);

/* run is one run of the handler; tests/bench/overload.py reads it. Times are of CLOCK_MONOTONIC. */
typedef struct run {
    uint64_t serial; /* the guid's lower half */
    uint64_t began_ns;
    uint64_t ended_ns;
} run;

typedef struct book {
    _Atomic uint64_t count; /* may be more than there is room for */
    run runs[];
} book;

static book *open_book; /* NULL: none */
static uint64_t room;

static void note(dora_slice guid, uint64_t began_ns)
{
    char half[17] = "";
    const uint64_t index = atomic_fetch_add(&open_book->count, 1);
    if (index >= room || guid.len != 32) {
        return;
    }
    for (int i = 0; i < 16; i++) {
        half[i] = guid.data[16 + i];
    }
    open_book->runs[index] =
        (run){.serial = strtoull(half, NULL, 16), .began_ns = began_ns, .ended_ns = now_ns()};
}

static dora_err doze(const dora_request *request, dora_reply *reply, void *user)
{
    const uint64_t began_ns = now_ns();
    dora_reader reader;
    dora_value us;
    (void)user;
    dora_request_reader(request, &reader);
    if (dora_reader_value(&reader, &us) != DORA_OK || us.type != DORA_INT || us.integer < 0) {
        return dora_reply_fail(reply, 1, "no microseconds", 15);
    }
    struct timespec left = {.tv_sec = us.integer / 1000000, .tv_nsec = us.integer % 1000000 * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {
    }
    if (open_book != NULL) {
        note(dora_request_guid(request), began_ns);
    }
    return dora_write_int(dora_reply_writer(reply), us.integer);
}

/* book_open maps the file that the environment names: workers inherit it. */
static dora_err book_open(dora_error *error)
{
    struct stat status;
    const char *path = getenv("DORA_BENCH_BOOK");
    if (path == NULL) {
        return DORA_OK;
    }
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0 || (size_t)status.st_size < sizeof(book)) {
        return dora_error_set(error, DORA_EINVAL, "DORA_BENCH_BOOK is no file to write to");
    }
    void *mapped = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED) {
        return dora_error_set(error, DORA_ENOMEM, "DORA_BENCH_BOOK cannot be mapped");
    }
    open_book = mapped;
    room = ((size_t)status.st_size - sizeof(book)) / sizeof(run);
    return DORA_OK;
}

dora_err dora_app_init(dora_app *app, dora_error *error)
{
    const dora_err err = book_open(error);
    if (err != DORA_OK) {
        return err;
    }
    return dora_app_api(app, "/bench/sleep", doze, NULL);
}
