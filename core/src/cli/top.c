/* top.c: `dora top`: a server's numbers on a terminal, anew each second. */
#include "cli/top_page.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/operate.h"
#include "cli/text.h"
#include "cli/token.h"

static const char usage[] = "usage: dora top [ADDRESS] [--once]\n";

static const char help[] =
    "\n"
    "Shows pools, rates, the tasks that have run for longest, and the workers, anew each second;\n"
    "q quits. Without a terminal, or with TERM=dumb, it prints once.\n"
    "\n" DR_ABOUT_ADDRESS "\n"
    "  --once          print once\n" DR_ABOUT_CLIENT DR_ABOUT_STATUS;

#define REFRESH_MS 1000u
#define ANSWER_S 1.0 /* keys wait for a server's answer */

/* screen is the terminal while it is ours. Signals come by a descriptor, so that each way out leads
 * past screen_leave. */
typedef struct screen {
    struct termios before;
    int signal_fd;
    bool is_entered;
} screen;

static void send_text(const char *text, size_t len)
{
    while (len > 0) {
        const ssize_t wrote = write(STDOUT_FILENO, text, len);
        if (wrote <= 0) {
            return;
        }
        text += wrote;
        len -= (size_t)wrote;
    }
}

#define SEND(text) send_text(text, sizeof(text) - 1)

static void screen_enter(screen *self)
{
    struct termios raw;
    if (tcgetattr(STDIN_FILENO, &self->before) != 0) {
        return;
    }
    raw = self->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    SEND("\x1b[?1049h\x1b[?25l"); /* a screen of our own, no cursor */
    self->is_entered = true;
}

static void screen_leave(screen *self)
{
    if (self->is_entered) {
        self->is_entered = false;
        SEND("\x1b[?25h\x1b[?1049l");
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &self->before);
    }
}

static void screen_size(size_t *rows, size_t *columns)
{
    struct winsize size;
    *rows = 24;
    *columns = 80;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
        *rows = size.ws_row;
        *columns = size.ws_col;
    }
}

/* screen_show writes the lines over those that stand there, without a flash in between. */
static void screen_show(dora_slice lines)
{
    dr_buf out = {0};
    size_t from = 0;
    (void)dr_buf_append(&out, "\x1b[H", 3);
    while (from < lines.len) {
        const char *end = memchr(lines.data + from, '\n', lines.len - from);
        const size_t len = (size_t)(end - (lines.data + from));
        (void)dr_buf_append(&out, from > 0 ? "\r\n" : "", from > 0 ? 2 : 0);
        (void)dr_buf_append(&out, lines.data + from, len);
        (void)dr_buf_append(&out, "\x1b[K", 3);
        from += len + 1;
    }
    (void)dr_buf_append(&out, "\x1b[J", 3);
    send_text(out.data, out.len);
    dr_buf_fini(&out);
}

/* suspend gives the terminal back while the shell has it. */
static void suspend(screen *self)
{
    screen_leave(self);
    (void)kill(getpid(), SIGSTOP);
    screen_enter(self);
}

typedef enum wish { WISH_NONE = 0, WISH_DRAW, WISH_QUIT } wish;

static wish wish_of_signal(screen *self)
{
    struct signalfd_siginfo info;
    if (read(self->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
        return WISH_NONE;
    }
    if (info.ssi_signo == SIGTSTP) {
        suspend(self);
    }
    return info.ssi_signo == SIGTSTP || info.ssi_signo == SIGWINCH ? WISH_DRAW : WISH_QUIT;
}

static wish wish_of_key(void)
{
    char keys[64];
    const ssize_t got = read(STDIN_FILENO, keys, sizeof(keys));
    if (got <= 0) {
        return WISH_QUIT; /* the terminal is gone */
    }
    return memchr(keys, 'q', (size_t)got) != NULL || memchr(keys, 'Q', (size_t)got) != NULL
               ? WISH_QUIT
               : WISH_NONE;
}

/* screen_wait waits until `until_ms`, or for what the user wants before. */
static wish screen_wait(screen *self, uint64_t until_ms)
{
    struct pollfd fds[] = {{.fd = self->signal_fd, .events = POLLIN},
                           {.fd = STDIN_FILENO, .events = POLLIN}};
    wish wanted = WISH_NONE;
    uint64_t now_ms;
    while (wanted == WISH_NONE && (now_ms = dr_clock_ms()) < until_ms) {
        if (poll(fds, 2, (int)(until_ms - now_ms)) <= 0) {
            continue;
        }
        wanted = fds[0].revents != 0 ? wish_of_signal(self) : wish_of_key();
    }
    return wanted;
}

/* look asks the server. Returns: false with the error; the last look then stays. */
static bool look(dr_operator *server, dr_top_look *now, dr_top_look *before, dora_error *error)
{
    json_t *data = NULL;
    if (dr_operator_ask(server, "getStat", &data, error) != DORA_OK) {
        return false;
    }
    json_decref(before->data);
    *before = *now;
    *now = (dr_top_look){data, dr_clock_ms()};
    return true;
}

static void draw(const dr_operator *server, const dr_top_look *now, const dr_top_look *before,
                 const dora_error *error)
{
    dr_buf lines = {0};
    size_t rows;
    size_t columns;
    screen_size(&rows, &columns);
    if (error->err != DORA_OK) {
        dr_text_line(&lines, columns, "%s (trying again, q quits)", error->msg);
        rows--;
    }
    dr_top_page(&lines, server->address, now, before, rows, columns);
    screen_show(dr_buf_slice(&lines));
    dr_buf_fini(&lines);
}

static int run_live(dr_operator *server, dr_top_look *now, dr_top_look *before)
{
    sigset_t signals;
    sigset_t signals_before;
    screen self = {.signal_fd = -1};
    dora_error error = {.err = DORA_OK};
    wish wanted = WISH_NONE;
    sigemptyset(&signals);
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        sigaddset(&signals, numbers[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &signals, &signals_before);
    self.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    screen_enter(&self);
    while (wanted != WISH_QUIT) {
        const uint64_t next_ms = dr_clock_ms() + REFRESH_MS;
        do {
            draw(server, now, before, &error);
            wanted = screen_wait(&self, next_ms);
        } while (wanted == WISH_DRAW);
        if (wanted == WISH_NONE) {
            error = (dora_error){.err = DORA_OK};
            (void)look(server, now, before, &error);
        }
    }
    screen_leave(&self);
    close(self.signal_fd);
    (void)sigprocmask(SIG_SETMASK, &signals_before, NULL);
    return DR_EXIT_OK;
}

static int print_once(const dr_operator *server, const dr_top_look *now)
{
    dr_buf lines = {0};
    const dr_top_look none = {NULL, 0};
    dr_top_page(&lines, server->address, now, &none, SIZE_MAX, SIZE_MAX);
    const bool is_written =
        fwrite(lines.data, 1, lines.len, stdout) == lines.len && fflush(stdout) == 0;
    dr_buf_fini(&lines);
    return is_written ? DR_EXIT_OK : DR_EXIT_FAILED;
}

/* is_live says whether there is a terminal that can be drawn on. */
static bool is_live(void)
{
    const char *term = getenv("TERM");
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term != NULL && *term != '\0' &&
           strcmp(term, "dumb") != 0;
}

static int run(int argc, char **argv, const dora_host *host)
{
    (void)host;
    bool is_once = false;
    const char *address = NULL;
    const dr_operate_flag flags[] = {{.name = "--once", .is_given = &is_once}, {.name = NULL}};
    if (dr_cli_wants_help(argc, argv)) {
        return dr_cli_help("top");
    }
    if (!dr_operate_parse("top", flags, argc, argv, &address)) {
        return DR_EXIT_USAGE;
    }
    address = address != NULL ? address : DR_OPERATE_ADDRESS;
    dr_operator server = {0};
    dr_top_look now = {0};
    dr_top_look before = {0};
    dora_error error = {.err = DORA_OK};
    int status;
    if (dr_operator_open(&server, address, ANSWER_S, &error) != DORA_OK ||
        !look(&server, &now, &before, &error)) {
        status = dr_operate_fail("top", address, &error);
    } else if (is_once || !is_live()) {
        status = print_once(&server, &now);
    } else {
        status = run_live(&server, &now, &before);
    }
    json_decref(now.data);
    json_decref(before.data);
    dr_operator_close(&server);
    return status;
}

const dr_command dr_command_top = {
    .name = "top",
    .arguments = "[ADDRESS]",
    .summary = "what stat says, live",
    .usage = usage,
    .help = help,
    .run = run,
    .is_client = true,
};
