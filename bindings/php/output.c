/* output.c: what the application prints, line by line, each with its task.
 *
 * PHP's own way to the standard output, the streams STDOUT and STDERR, and those that are opened as
 * php://stdout and php://stderr, end here, and so does error_log(). A line goes to
 * the server's log as a record that names api and guid; one of no task, or of a process that the
 * application forked, goes where it would have gone, and so does all where that is a terminal: who
 * is asked there has to see the question. Descriptors stay open whatever is closed:
 * something else would take their numbers, and get what is printed.
 */
#include "output.h"

#include <unistd.h>

#include "SAPI.h"
#include "ext/standard/php_fopen_wrappers.h"

#define LINE_BYTES_MAX 8192u /* of the log's lines: the rest of a longer one is dropped */
#define TAG_PART_MAX 255u    /* an api's name, a guid */
#define TAG_BYTES_MAX (2 * TAG_PART_MAX + 2)

/* line is what has come of one, without its end. */
typedef struct line {
    char *data; /* NULL until there is something */
    size_t len;
    bool is_open; /* of no task: it is written, but has no end */
} line;

enum { OUT = 0, ERR, STREAM_COUNT };
static const int FDS[STREAM_COUNT] = {STDOUT_FILENO, STDERR_FILENO};
static const char *const NAMES[STREAM_COUNT] = {"STDOUT", "STDERR"};

struct php_dora_output {
    line lines[STREAM_COUNT];
    zval *constants[STREAM_COUNT];         /* STDOUT and STDERR; NULL: not looked up yet */
    php_stream_ops ops[STREAM_COUNT];      /* PHP's own, but for writing and closing */
    php_stream_ops copy_ops[STREAM_COUNT]; /* of copies of the descriptors: but for writing */
    int (*close)(php_stream *stream, int close_handle);
    void (*log_message)(const char *text, int priority); /* PHP's own: to the standard error */
    bool is_terminal;
    bool has_task;
    char tag[TAG_BYTES_MAX]; /* of the task */
};

static void write_out(int fd, const char *data, size_t len)
{
    while (len > 0) {
        const ssize_t wrote = write(fd, data, len);
        if (wrote < 0 && errno != EINTR) {
            return; /* nobody reads it any more */
        }
        data += wrote > 0 ? wrote : 0;
        len -= wrote > 0 ? (size_t)wrote : 0;
    }
}

static bool is_own(const php_dora_output *self)
{
    return self->has_task && !self->is_terminal && !dora_is_forked();
}

/* Sends what has come of a line, which has ended. */
static void line_end(php_dora_output *self, int which)
{
    line *line = &self->lines[which];

    if (line->len > 0) {
        (void)dora_log(DORA_LOG_NOTICE, self->tag, NULL, 0, line->data, line->len);
    }
    line->len = 0;
}

static void line_add(line *line, const char *data, size_t len)
{
    if (line->data == NULL) {
        line->data = pemalloc(LINE_BYTES_MAX, true);
    }
    len = MIN(len, LINE_BYTES_MAX - line->len);
    memcpy(line->data + line->len, data, len);
    line->len += len;
}

static void take(php_dora_output *self, int which, const char *data, size_t len)
{
    line *line = &self->lines[which];

    if (len == 0) {
        return;
    }
    if (!is_own(self)) {
        write_out(FDS[which], data, len);
        line->is_open = data[len - 1] != '\n';
        return;
    }
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        const size_t part = end != NULL ? (size_t)(end - data) : len;
        line_add(line, data, part);
        if (end == NULL) {
            return;
        }
        line_end(self, which);
        data += part + 1;
        len -= part + 1;
    }
}

static size_t on_echo(const char *data, size_t len)
{
    take(DORA_G(output), OUT, data, len);
    return len;
}

/* on_log is for error_log(), and what PHP logs by itself. */
static void on_log(const char *text, int priority)
{
    php_dora_output *self = DORA_G(output);

    if (!is_own(self)) {
        self->log_message(text, priority);
        return;
    }
    take(self, ERR, text, strlen(text));
    take(self, ERR, "\n", 1);
}

bool php_dora_output_record(const char *file, uint32_t line, const char *text, size_t len)
{
    const php_dora_output *self = DORA_G(output);

    if (self == NULL || !is_own(self)) {
        return false;
    }
    return dora_log(DORA_LOG_NOTICE, self->tag, file, line, text, len);
}

static ssize_t on_stdout(php_stream *stream, const char *data, size_t len)
{
    (void)stream;
    take(DORA_G(output), OUT, data, len);
    return (ssize_t)len;
}

static ssize_t on_stderr(php_stream *stream, const char *data, size_t len)
{
    (void)stream;
    take(DORA_G(output), ERR, data, len);
    return (ssize_t)len;
}

/* The stream goes, its descriptor stays; who was forked by the application may close its own. */
static int on_close(php_stream *stream, int close_handle)
{
    return DORA_G(output)->close(stream, dora_is_forked() ? close_handle : 0);
}

/* Where one of the constants STDOUT and STDERR is no stream any more, it becomes a new one. */
static void stream_take(php_dora_output *self, int which)
{
    if (self->constants[which] == NULL) { /* once it is there it stays where it is */
        self->constants[which] = zend_get_constant_str(NAMES[which], strlen(NAMES[which]));
    }
    zval *constant = self->constants[which];
    if (constant == NULL || Z_TYPE_P(constant) != IS_RESOURCE) {
        return;
    }
    php_stream *stream =
        zend_fetch_resource2(Z_RES_P(constant), NULL, php_file_le_stream(), php_file_le_pstream());
    if (stream == NULL) {
        stream = php_stream_fopen_from_fd(FDS[which], "wb", NULL);
        if (stream == NULL) {
            return;
        }
        zval_ptr_dtor(constant);
        php_stream_to_zval(stream, constant);
    }
    if (stream->ops != &self->ops[which]) {
        self->close = stream->ops->close;
        self->ops[which] = *stream->ops;
        self->ops[which].write = which == OUT ? on_stdout : on_stderr;
        self->ops[which].close = on_close;
        stream->ops = &self->ops[which];
    }
}

static php_stream_wrapper wrapper; /* php:// in a zygote */
static php_stream_wrapper_ops wrapper_ops;

static void copy_take(php_dora_output *self, int which, php_stream *stream)
{
    self->copy_ops[which] = *stream->ops;
    self->copy_ops[which].write = which == OUT ? on_stdout : on_stderr;
    stream->ops = &self->copy_ops[which];
}

static php_stream *open_php(php_stream_wrapper *from, const char *path, const char *mode,
                            int options, zend_string **opened,
                            php_stream_context *context STREAMS_DC)
{
    php_stream *stream = php_stream_php_wrapper.wops->stream_opener(from, path, mode, options,
                                                                    opened, context STREAMS_REL_CC);
    const char *name = strncasecmp(path, "php://", 6) == 0 ? path + 6 : path;

    for (int i = 0; i < STREAM_COUNT && stream != NULL && DORA_G(output) != NULL; i++) {
        if (strcasecmp(name, NAMES[i]) == 0 && php_stream_is(stream, PHP_STREAM_IS_STDIO)) {
            copy_take(DORA_G(output), i, stream);
        }
    }
    return stream;
}

void php_dora_output_init(void)
{
    wrapper_ops = *php_stream_php_wrapper.wops;
    wrapper_ops.stream_opener = open_php;
    wrapper = php_stream_php_wrapper;
    wrapper.wops = &wrapper_ops;
    (void)php_unregister_url_stream_wrapper("php");
    (void)php_register_url_stream_wrapper("php", &wrapper);
}

void php_dora_output_begin(void)
{
    php_dora_output *self = pecalloc(1, sizeof(*self), true);

    self->is_terminal = isatty(STDOUT_FILENO) == 1;
    DORA_G(output) = self;
    sapi_module.ub_write = on_echo;
    self->log_message = sapi_module.log_message;
    if (self->log_message != NULL) {
        sapi_module.log_message = on_log;
    }
}

void php_dora_output_task(const dora_request *request)
{
    php_dora_output *self = DORA_G(output);
    const dora_slice name = dora_request_name(request);
    const dora_slice guid = dora_request_guid(request);
    const size_t name_len = MIN(name.len, TAG_PART_MAX); /* they come from shared memory */
    const size_t guid_len = MIN(guid.len, TAG_PART_MAX);
    char *at = self->tag;

    memcpy(at, name.data, name_len);
    at[name_len] = ' ';
    memcpy(at + name_len + 1, guid.data, guid_len);
    at[name_len + 1 + guid_len] = '\0';
    self->has_task = true;
}

void php_dora_output_apart(bool is_apart)
{
    php_dora_output_flush();
    DORA_G(output)->has_task = !is_apart && DORA_G(output)->tag[0] != '\0';
}

void php_dora_output_flush(void)
{
    php_dora_output *self = DORA_G(output);

    if (self == NULL) {
        return;
    }
    for (int i = 0; i < STREAM_COUNT; i++) {
        line *line = &self->lines[i];
        if (line->is_open) {
            write_out(FDS[i], "\n", 1);
            line->is_open = false;
        }
        if (is_own(self)) {
            line_end(self, i);
        }
        stream_take(self, i);
    }
}
