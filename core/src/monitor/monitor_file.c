/* monitor_file.c: a node file, written when its nodes are others. */
#include "monitor/monitor_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "discovery/node_file.h"

dora_err dr_monitor_file_check(const dora_monitor_file *file, dora_error *error)
{
    struct stat status;
    const char *path = file->path;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        return dora_error_set(error, DORA_EIO, "cannot write %s: it is no regular file", path);
    }
    char *folder = strdup(path);
    if (folder == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    char *slash = strrchr(folder, '/');
    if (slash != NULL) {
        slash[1] = '\0';
    }
    const int result = access(slash != NULL ? folder : ".", W_OK | X_OK);
    const int why = errno;
    dr_free(folder);
    if (result != 0) {
        return dora_error_set(error, DORA_EIO, "cannot write %s: its folder: %s", path,
                              strerror(why));
    }
    return DORA_OK;
}

/* read_at_most reads a file that may be no longer than `max`; a longer one is not ours. */
static bool read_at_most(const char *path, size_t max, dr_buf *text)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = 1;
    if (fd < 0) {
        return false;
    }
    while (got > 0 && text->len <= max && dr_buf_reserve(text, 65536) == DORA_OK) {
        got = read(fd, text->data + text->len, 65536);
        text->len += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    return got == 0;
}

/* What stands before a time. No name of a group looks so: its quotes are escaped. */
#define PHP_TIME "'updatetime' => '"
#define JSON_TIME "\"updatetime\": \""

static bool is_at(dora_slice text, size_t at, const char *word)
{
    const size_t len = strlen(word);
    return text.len - at >= len && memcmp(text.data + at, word, len) == 0;
}

static size_t skip_digits(dora_slice text, size_t at)
{
    while (at < text.len && isdigit((unsigned char)text.data[at])) {
        at++;
    }
    return at;
}

/* is_same_but_times compares two node files of one format. */
static bool is_same_but_times(dora_slice one, dora_slice other, const char *time)
{
    size_t i = 0;
    size_t j = 0;
    while (i < one.len && j < other.len && one.data[i] == other.data[j]) {
        const bool is_time = is_at(one, i, time) && is_at(other, j, time);
        i = is_time ? skip_digits(one, i + strlen(time)) : i + 1;
        j = is_time ? skip_digits(other, j + strlen(time)) : j + 1;
    }
    return i == one.len && j == other.len;
}

dora_err dr_monitor_file_put(const dora_monitor_file *file, const dr_roster *roster,
                             bool *is_written, dora_error *error)
{
    dr_buf before = {0};
    size_t len = 0;
    dora_err err = DORA_OK;
    *is_written = false;
    char *text = dr_node_file_write(roster, file->is_php ? DR_NODE_PHP : DR_NODE_JSON, &len);
    if (text == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "cannot write %s: %s", file->path,
                              dora_err_text(DORA_ENOMEM));
    }
    const dora_slice now = {text, len};
    const size_t times = 24 * DR_ROSTER_NODES_MAX; /* what other times may add */
    if (!read_at_most(file->path, len + times, &before) ||
        !is_same_but_times(now, dr_buf_slice(&before), file->is_php ? PHP_TIME : JSON_TIME)) {
        err = dr_node_file_replace(file->path, now, error);
        *is_written = err == DORA_OK;
    }
    dr_buf_fini(&before);
    dr_free(text);
    return err;
}
