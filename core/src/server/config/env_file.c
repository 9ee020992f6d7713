/* env_file.c: a file of environment variables (.env), one a line. */
#include "server/config/env_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dora/runtime.h>

#include "base/buf.h"
#include "base/limits.h"
#include "server/config/problem.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static dora_slice trim(dora_slice text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && (is_blank(text.data[text.len - 1]) || text.data[text.len - 1] == '\r')) {
        text.len--;
    }
    return text;
}

bool dr_env_name_is_good(dora_slice name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    for (size_t i = 0; i < name.len; i++) {
        const char *found = name.data[i] != '\0' ? strchr(letters, name.data[i]) : NULL;
        if (found == NULL || (i == 0 && *found >= '0' && *found <= '9')) {
            return false;
        }
    }
    const bool is_ours =
        name.len == strlen(DORA_ZYGOTE_ENV) && memcmp(name.data, DORA_ZYGOTE_ENV, name.len) == 0;
    return name.len > 0 && !is_ours;
}

static dora_err unescape(char c, dr_buf *out)
{
    static const char from[] = "nrt\\\"$";
    static const char to[] = "\n\r\t\\\"$";
    const char *found = c != '\0' ? strchr(from, c) : NULL;
    return found != NULL ? dr_buf_append(out, &to[found - from], 1) : DORA_ECONFIG;
}

/* Reads a value in quotes. Returns: what is wrong with it; NULL: nothing, or no memory. */
static const char *read_quoted(dora_slice text, dr_buf *out, dora_err *err)
{
    const char quote = text.data[0];
    size_t at = 1;
    while (*err == DORA_OK && at < text.len && text.data[at] != quote) {
        if (quote == '"' && text.data[at] == '\\') {
            *err = at + 1 < text.len ? unescape(text.data[at + 1], out) : DORA_ECONFIG;
            if (*err == DORA_ECONFIG) {
                return "\"\\\" stands before n, r, t, \\, \" or $ only; 'in single quotes' it is "
                       "itself";
            }
            at += 2;
        } else {
            *err = dr_buf_append(out, text.data + at, 1);
            at++;
        }
    }
    if (*err == DORA_OK && at == text.len) {
        return "the quote is not closed in its line; a line break is \\n in double quotes";
    }
    const dora_slice rest = trim((dora_slice){text.data + at + 1, text.len - at - 1});
    return *err == DORA_OK && rest.len > 0 && rest.data[0] != '#'
               ? "there is something behind the closing quote"
               : NULL;
}

static const char *read_value(dora_slice text, dr_buf *out, dora_err *err)
{
    if (text.len > 0 && (text.data[0] == '"' || text.data[0] == '\'')) {
        return read_quoted(text, out, err);
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '#' && (i == 0 || is_blank(text.data[i - 1]))) {
            text.len = i;
        }
    }
    *err = dr_buf_append_slice(out, trim(text));
    return NULL;
}

/* Reads NAME=VALUE into `out`. Returns: as read_quoted. */
static const char *read_line(dora_slice line, dr_buf *out, dora_err *err)
{
    static const char export[] = "export";
    const size_t len = sizeof export - 1;
    if (line.len > len && memcmp(line.data, export, len) == 0 && is_blank(line.data[len])) {
        line = trim((dora_slice){line.data + len, line.len - len});
    }
    const char *equals = memchr(line.data, '=', line.len);
    if (equals == NULL) {
        return "is not NAME=VALUE; a remark begins with \"#\"";
    }
    const dora_slice name = {line.data, (size_t)(equals - line.data)};
    if (!dr_env_name_is_good(name)) {
        return "a name is letters, digits and \"_\", no digit first, with \"=\" right behind it";
    }
    *err = dr_buf_append(out, name.data, name.len + 1);
    return *err == DORA_OK
               ? read_value(trim((dora_slice){equals + 1, line.len - name.len - 1}), out, err)
               : NULL;
}

dora_err dr_env_parse(dora_slice text, const char *path, dr_texts *env, dora_error *error)
{
    dora_error local;
    dora_error *problems = error != NULL ? error : &local;
    dr_buf out = {.data = NULL};
    dora_err err = DORA_OK;
    dr_problem_clear(problems);
    for (size_t number = 1; err == DORA_OK && text.len > 0; number++) {
        const char *end = memchr(text.data, '\n', text.len);
        const size_t len = end != NULL ? (size_t)(end - text.data) : text.len;
        const dora_slice line = trim((dora_slice){text.data, len});
        const size_t used = end != NULL ? len + 1 : len;
        text = (dora_slice){text.data + used, text.len - used};
        if (line.len == 0 || line.data[0] == '#') {
            continue;
        }
        dr_buf_clear(&out);
        const char *wrong = memchr(line.data, '\0', line.len) != NULL
                                ? "has a NUL byte, which no variable can hold"
                                : read_line(line, &out, &err);
        if (wrong != NULL) {
            dr_problem_add(problems, "%s:%zu: %s", path, number, wrong);
            err = DORA_OK;
        } else if (err == DORA_OK) {
            err = dr_buf_append(&out, "", 1);
            err = err == DORA_OK ? dr_texts_add(env, out.data) : err;
        }
    }
    dr_buf_fini(&out);
    return err == DORA_OK ? problems->err
                          : dora_error_set(problems, err, "%s: %s", path, dora_err_text(err));
}

/* open_file opens a regular file: a FIFO, say, would be waited for. NULL with errno. */
static FILE *open_file(const char *path)
{
    struct stat about;
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    FILE *file = NULL;
    if (fd >= 0 && fstat(fd, &about) == 0) {
        errno = S_ISDIR(about.st_mode) ? EISDIR : ESPIPE;
        file = S_ISREG(about.st_mode) ? fdopen(fd, "r") : NULL;
    }
    if (fd >= 0 && file == NULL) {
        const int problem = errno;
        close(fd);
        errno = problem;
    }
    return file;
}

dora_err dr_env_load(const char *path, dr_texts *env, dora_error *error)
{
    dr_buf text = {.data = NULL};
    FILE *file = open_file(path);
    size_t got = 1;
    dora_err err = file != NULL ? DORA_OK : DORA_EIO;
    while (err == DORA_OK && got > 0 && text.len <= DR_ENV_FILE_BYTES_MAX) {
        err = dr_buf_reserve(&text, 4096);
        got = err == DORA_OK ? fread(text.data + text.len, 1, 4096, file) : 0;
        text.len += got;
    }
    if (file == NULL || ferror(file) != 0) {
        err = errno == ESPIPE
                  ? dora_error_set(error, DORA_EIO, "%s: it must be a regular file", path)
                  : dora_error_set(error, DORA_EIO, "%s: %s", path, strerror(errno));
    } else if (err == DORA_OK && text.len > DR_ENV_FILE_BYTES_MAX) {
        err = dora_error_set(error, DORA_ECONFIG, "%s: larger than %u bytes", path,
                             DR_ENV_FILE_BYTES_MAX);
    } else if (err == DORA_OK) {
        err = dr_env_parse(dr_buf_slice(&text), path, env, error);
    } else {
        dora_error_set(error, err, "%s: %s", path, dora_err_text(err));
    }
    if (file != NULL) {
        fclose(file);
    }
    dr_buf_fini(&text);
    return err;
}
