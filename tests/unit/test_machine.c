/* test_machine.c: how much memory there is, by files made for the test. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/machine.h"

#define MB UINT64_C(1048576)

static char root[] = "/tmp/dora-machine-XXXXXX";

/* put writes a file under the root, and makes the folders before it. */
static void put(const char *name, const char *text)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s%s", root, name);
    for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        (void)mkdir(path, 0700);
        *at = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int begin(void **state)
{
    (void)state;
    memcpy(root + strlen(root) - 6, "XXXXXX", 6);
    return mkdtemp(root) != NULL ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    char command[64];
    (void)snprintf(command, sizeof(command), "rm -r %s", root);
    return system(command);
}

static void nothing_known(void **state)
{
    (void)state;
    assert_true(dr_machine_memory(root) == UINT64_MAX);
}

static void machine_alone(void **state)
{
    (void)state;
    put("/proc/meminfo", "MemTotal:        2048 kB\nMemFree:         1024 kB\n");
    assert_true(dr_machine_memory(root) == 2 * MB);
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/memory.max", "max\n");
    assert_true(dr_machine_memory(root) == 2 * MB);
}

static void cgroups_v2_are_read(void **state)
{
    (void)state;
    put("/proc/meminfo", "MemTotal:    1048576 kB\n");
    put("/proc/self/cgroup", "0::/system.slice/dora.service\n");
    put("/sys/fs/cgroup/system.slice/dora.service/memory.max", "536870912\n");
    assert_true(dr_machine_memory(root) == 512 * MB);
    /* What is around it counts, too. */
    put("/sys/fs/cgroup/system.slice/memory.max", "268435456\n");
    assert_true(dr_machine_memory(root) == 256 * MB);
    put("/sys/fs/cgroup/memory.max", "134217728\n");
    assert_true(dr_machine_memory(root) == 128 * MB);
}

static void v2_in_a_container(void **state)
{
    (void)state;
    put("/proc/meminfo", "MemTotal:    1048576 kB\n");
    put("/proc/self/cgroup", "0::/docker/0123\n");
    put("/sys/fs/cgroup/memory.max", "67108864\n");
    assert_true(dr_machine_memory(root) == 64 * MB);
}

static void cgroups_v1_are_read(void **state)
{
    (void)state;
    put("/proc/meminfo", "MemTotal:    1048576 kB\n");
    put("/proc/self/cgroup", "12:cpu,cpuacct:/a\n4:hugetlb,memory:/a/b\n1:name=systemd:/c\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_true(dr_machine_memory(root) == 1024 * MB);
    put("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "33554432\n");
    assert_true(dr_machine_memory(root) == 32 * MB);
}

static void this_machine(void **state)
{
    (void)state;
    assert_true(dr_machine_memory("") > 16 * MB);
    assert_true(dr_machine_memory("") < UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_known, begin, end),
        cmocka_unit_test_setup_teardown(machine_alone, begin, end),
        cmocka_unit_test_setup_teardown(cgroups_v2_are_read, begin, end),
        cmocka_unit_test_setup_teardown(v2_in_a_container, begin, end),
        cmocka_unit_test_setup_teardown(cgroups_v1_are_read, begin, end),
        cmocka_unit_test(this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
