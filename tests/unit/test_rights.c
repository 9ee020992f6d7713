/* test_rights.c: users by name, and what a process is left with that becomes one. */
#include "unit.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/account.h"
#include "base/capability.h"
#include "base/rights.h"

typedef struct user {
    dr_account account;
    dr_rights rights;
    dora_error error;
} user;

static void user_end(user *self)
{
    dr_account_fini(&self->account);
    dr_rights_fini(&self->rights);
}
UNIT_SCENE(user, user_end)

static void a_user_is_found_by_name_and_by_number(void **state)
{
    user *self = *state;
    assert_int_equal(dr_account_find(&self->account, "root", NULL, &self->error), DORA_OK);
    assert_int_equal(self->account.uid, 0);
    assert_string_equal(self->account.home, "/root");
    dr_account_fini(&self->account);
    assert_int_equal(dr_account_find(&self->account, "0", "daemon", &self->error), DORA_OK);
    assert_string_equal(self->account.user, "root");
    assert_int_equal(self->account.gid, 1);
    assert_true(self->account.group_count > 0);
}

static void a_number_without_a_name_has_the_group_that_is_given(void **state)
{
    user *self = *state;
    assert_int_equal(dr_account_find(&self->account, "4123456", "4123457", &self->error), DORA_OK);
    assert_int_equal(self->account.uid, 4123456);
    assert_int_equal(self->account.gid, 4123457);
    assert_int_equal(self->account.group_count, 1);
    assert_null(self->account.home);
}

static void who_is_not_there_is_named(void **state)
{
    user *self = *state;
    static const char *const bad[][3] = {
        {"nobody-here", NULL, "there is no user nobody-here"},
        {"4294967295", NULL, "there is no user 4294967295"},
        {"-1", NULL, "there is no user -1"},
        {"root", "nobody-here", "there is no group nobody-here"},
        {"4123456", NULL, "no user has the number 4123456, so it needs a \"group\", too"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(dr_account_find(&self->account, bad[i][0], bad[i][1], &self->error),
                         DORA_ECONFIG);
        assert_string_equal(self->error.msg, bad[i][2]);
        assert_null(self->account.user);
    }
}

/* in_child gives what a forked process finds of itself, its exit status. */
static int in_child(const dr_rights *rights, int (*look)(void))
{
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0) {
        const char *what;
        _exit(dr_rights_take(rights, &what) != 0 ? 99 : look());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define DATA_BYTES (UINT64_C(1) << 44) /* nothing is refused: sanitizers have much */

static int look_at_limits(void)
{
    struct rlimit core;
    struct rlimit files;
    struct rlimit data;
    (void)getrlimit(RLIMIT_CORE, &core);
    (void)getrlimit(RLIMIT_DATA, &data);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    return umask(0) == 0027 && core.rlim_max == 0 && files.rlim_cur == 64 &&
                   data.rlim_cur == DATA_BYTES && data.rlim_max == DATA_BYTES &&
                   prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
               ? 0
               : 1;
}

static void limits_and_the_mask_need_no_root(void **state)
{
    user *self = *state;
    dr_rights_init(&self->rights);
    self->rights.mask = 0027;
    self->rights.core_bytes_max = 0;
    self->rights.files_max = 64;
    self->rights.data_bytes_max = DATA_BYTES;
    self->rights.no_new_privs = true;
    assert_int_equal(in_child(&self->rights, look_at_limits), 0);
}

/* The kernel is asked itself: the C library has all threads agree, and the thread sanitizer's own
 * is no part of what was done. */
static int look_at_user(void)
{
    const uint64_t all = DR_CAPABILITY(CAP_CHOWN) | DR_CAPABILITY(CAP_SETUID);
    return getuid() == 1 && geteuid() == 1 && getegid() == 1 &&
                   !dr_capabilities_have(DR_CAPABILITY(CAP_CHOWN)) && !dr_capabilities_have(all) &&
                   prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0) == 0 && syscall(SYS_setuid, 0) != 0
               ? 0
               : 1;
}

static void who_becomes_another_user_has_no_way_back(void **state)
{
    user *self = *state;
    if (!dr_account_is_possible()) {
        skip();
    }
    dr_rights_init(&self->rights);
    self->rights.no_new_privs = self->rights.has_account = true;
    assert_int_equal(dr_account_find(&self->rights.account, "daemon", NULL, &self->error), DORA_OK);
    assert_int_equal(in_child(&self->rights, look_at_user), 0);
}

static int answer(const void *about)
{
    return geteuid() == 1 ? *(const int *)about : 1;
}

static void a_question_is_answered_by_who_is_that_user(void **state)
{
    user *self = *state;
    const int number = 42;
    if (!dr_account_is_possible()) {
        skip();
    }
    assert_int_equal(dr_account_find(&self->account, "daemon", NULL, &self->error), DORA_OK);
    assert_int_equal(dr_account_try(&self->account, answer, &number), 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(user, a_user_is_found_by_name_and_by_number),
        unit_in(user, a_number_without_a_name_has_the_group_that_is_given),
        unit_in(user, who_is_not_there_is_named),
        unit_in(user, limits_and_the_mask_need_no_root),
        unit_in(user, who_becomes_another_user_has_no_way_back),
        unit_in(user, a_question_is_answered_by_who_is_that_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
