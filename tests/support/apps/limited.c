/* limited.c: as limited.py, in C. */
#include <dora/handler.h>

#include <errno.h>
#include <time.h>
#include <unistd.h>

static dora_err sleep_for(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    dora_reader reader;
    dora_value value = {0};
    dora_request_reader(request, &reader);
    if (dora_reader_value(&reader, &value) != DORA_OK) {
        return DORA_EPROTO;
    }
    const double seconds = value.type == DORA_INT     ? (double)value.integer
                           : value.type == DORA_FLOAT ? value.number
                                                      : 0;
    struct timespec left = {.tv_sec = (time_t)seconds};
    left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
    return dora_write_int(dora_reply_writer(reply), getpid());
}

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error);

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error)
{
    static const struct {
        const char *name;
        int64_t limit_ms; /* below 0: not said */
    } apis[] = {{"/pool", -1},    {"/short", 300}, {"/second", 1000},
                {"/long", 60000}, {"/none", 0},    {"/unsaid", -1}};
    dora_err err = DORA_OK;
    for (size_t i = 0; i < sizeof(apis) / sizeof(apis[0]) && err == DORA_OK; i++) {
        err = dora_app_api(app, apis[i].name, sleep_for, NULL);
        if (err == DORA_OK && apis[i].limit_ms >= 0) {
            err = dora_app_time_limit(app, apis[i].name, apis[i].limit_ms);
        }
    }
    return err == DORA_OK ? DORA_OK : dora_error_set(error, err, "%s", dora_err_text(err));
}
