/* forking.c: a handler in C that forks; what its child does is the parameter. */
#include <dora/handler.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int out = -1; /* of a child: a pipe to its parent */

static void at_exit(void)
{
    if (out >= 0) {
        (void)!write(out, " atexit", 7);
    }
}

static bool is_word(const dora_value *value, const char *word)
{
    return value->type == DORA_STRING && value->string.len == strlen(word) &&
           memcmp(value->string.data, word, value->string.len) == 0;
}

/* be_child reads its parameter again, as a child may. */
static dora_err be_child(const dora_request *request, dora_reply *reply)
{
    dora_reader reader;
    dora_value how = {0};
    dora_request_reader(request, &reader);
    (void)dora_reader_value(&reader, &how);
    (void)!write(out, how.string.data, how.string.len);
    if (is_word(&how, "exit")) {
        exit(7);
    }
    if (is_word(&how, "_exit")) {
        _exit(9);
    }
    if (is_word(&how, "wait")) {
        (void)pause();
    }
    if (is_word(&how, "fail")) {
        return dora_reply_fail(reply, 1, "of the child", 12);
    }
    return dora_write_string(dora_reply_writer(reply), "child", 5);
}

/* Answers with the child's status (minus the number of a signal), and what it said. */
static dora_err end(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    int fds[2];
    char said[256];
    size_t len = 0;
    ssize_t got;
    int status = 0;
    if (pipe(fds) != 0) {
        return DORA_EIO;
    }
    const pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        out = fds[1];
        return be_child(request, reply);
    }
    close(fds[1]);
    while ((got = read(fds[0], said + len, sizeof(said) - len)) > 0) {
        len += (size_t)got;
        if (len == 4 && memcmp(said, "wait", 4) == 0) {
            (void)kill(child, SIGTERM);
        }
    }
    close(fds[0]);
    (void)waitpid(child, &status, 0);
    dora_writer *writer = dora_reply_writer(reply);
    (void)dora_write_array(writer, 2);
    (void)dora_write_int(writer, 0);
    (void)dora_write_int(writer, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    (void)dora_write_int(writer, 1);
    (void)dora_write_string(writer, said, len);
    return dora_write_end(writer);
}

static dora_err pid(const dora_request *request, dora_reply *reply, void *user)
{
    (void)request;
    (void)user;
    return dora_write_int(dora_reply_writer(reply), getpid());
}

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error);

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error)
{
    (void)error;
    (void)atexit(at_exit);
    const dora_err err = dora_app_api(app, "/end", end, NULL);
    return err == DORA_OK ? dora_app_api(app, "/pid", pid, NULL) : err;
}
