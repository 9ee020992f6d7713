/* test_machine.c: how much memory and how many processors there are, by files made for the test. */
#include "unit_folder.h"

#include <sched.h>
#include <sys/stat.h>

#include "base/machine.h"

#define MB UINT64_C(1048576)

/* put writes a file under the root, and makes the folders before it. */
static void put(const unit_folder *root, const char *name, const char *text)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s%s", root->path, name);
    for (char *at = path + strlen(root->path) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        (void)mkdir(path, 0700);
        *at = '/';
    }
    unit_write(path, text);
}

UNIT_SCENE(unit_folder, unit_folder_remove)

static void nothing_known(void **state)
{
    unit_folder *root = *state;
    unit_folder_make(root);
    assert_true(dr_machine_memory(root->path) == UINT64_MAX);
}

static void machine_alone(void **state)
{
    unit_folder *root = *state;
    unit_folder_make(root);
    put(root, "/proc/meminfo", "MemTotal:        2048 kB\nMemFree:         1024 kB\n");
    assert_true(dr_machine_memory(root->path) == 2 * MB);
    put(root, "/proc/self/cgroup", "0::/\n");
    put(root, "/sys/fs/cgroup/memory.max", "max\n");
    assert_true(dr_machine_memory(root->path) == 2 * MB);
}

static void cgroups_v2_are_read(void **state)
{
    unit_folder *root = *state;
    unit_folder_make(root);
    put(root, "/proc/meminfo", "MemTotal:    1048576 kB\n");
    put(root, "/proc/self/cgroup", "0::/system.slice/dora.service\n");
    put(root, "/sys/fs/cgroup/system.slice/dora.service/memory.max", "536870912\n");
    assert_true(dr_machine_memory(root->path) == 512 * MB);
    /* What is around it counts, too. */
    put(root, "/sys/fs/cgroup/system.slice/memory.max", "268435456\n");
    assert_true(dr_machine_memory(root->path) == 256 * MB);
    put(root, "/sys/fs/cgroup/memory.max", "134217728\n");
    assert_true(dr_machine_memory(root->path) == 128 * MB);
}

static void v2_in_a_container(void **state)
{
    unit_folder *root = *state;
    unit_folder_make(root);
    put(root, "/proc/meminfo", "MemTotal:    1048576 kB\n");
    put(root, "/proc/self/cgroup", "0::/docker/0123\n");
    put(root, "/sys/fs/cgroup/memory.max", "67108864\n");
    assert_true(dr_machine_memory(root->path) == 64 * MB);
}

static void cgroups_v1_are_read(void **state)
{
    unit_folder *root = *state;
    unit_folder_make(root);
    put(root, "/proc/meminfo", "MemTotal:    1048576 kB\n");
    put(root, "/proc/self/cgroup", "12:cpu,cpuacct:/a\n4:hugetlb,memory:/a/b\n1:name=systemd:/c\n");
    put(root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_true(dr_machine_memory(root->path) == 1024 * MB);
    put(root, "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "33554432\n");
    assert_true(dr_machine_memory(root->path) == 32 * MB);
}

static uint32_t own_processors(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
    return (uint32_t)CPU_COUNT(&set);
}

static void processors_without_a_quota(void **state)
{
    unit_folder *root = *state;
    unit_folder_make(root);
    assert_int_equal(dr_machine_cpus(root->path), own_processors());
    put(root, "/proc/self/cgroup", "0::/\n3:cpu,cpuacct:/\n");
    put(root, "/sys/fs/cgroup/cpu.max", "max 100000\n");
    put(root, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    put(root, "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(dr_machine_cpus(root->path), own_processors());
}

static void a_quota_of_v2_bounds_the_processors(void **state)
{
    unit_folder *root = *state;
    unit_folder_make(root);
    put(root, "/proc/self/cgroup", "0::/docker/0123\n");
    put(root, "/sys/fs/cgroup/cpu.max", "100000 100000\n");
    assert_int_equal(dr_machine_cpus(root->path), 1);
    put(root, "/sys/fs/cgroup/cpu.max", "5000 100000\n"); /* never none */
    assert_int_equal(dr_machine_cpus(root->path), 1);
    put(root, "/sys/fs/cgroup/cpu.max", "6400000 100000\n"); /* more than there are */
    assert_int_equal(dr_machine_cpus(root->path), own_processors());
    /* The group itself, below one that may have more. */
    put(root, "/sys/fs/cgroup/docker/0123/cpu.max", "50000 100000\n");
    assert_int_equal(dr_machine_cpus(root->path), 1);
}

static void a_quota_of_v1_bounds_the_processors(void **state)
{
    unit_folder *root = *state;
    unit_folder_make(root);
    put(root, "/proc/self/cgroup", "4:memory:/a\n3:cpu,cpuacct:/a/b\n2:cpuset:/c\n");
    put(root, "/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "25000\n");
    put(root, "/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "50000\n");
    assert_int_equal(dr_machine_cpus(root->path), 1);
}

static void a_part_of_a_processor_counts_as_one(void **state)
{
    unit_folder *root = *state;
    unit_folder_make(root);
    put(root, "/proc/self/cgroup", "0::/\n");
    put(root, "/sys/fs/cgroup/cpu.max", "100001 100000\n");
    assert_int_equal(dr_machine_cpus(root->path), own_processors() < 2 ? 1 : 2);
}

static void what_is_no_quota_is_none(void **state)
{
    static const char *const texts[] = {"", "max\n", "100000\n", "100000 0\n", "none at all\n"};
    unit_folder *root = *state;
    unit_folder_make(root);
    put(root, "/proc/self/cgroup", "0::/\n");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        put(root, "/sys/fs/cgroup/cpu.max", texts[i]);
        assert_int_equal(dr_machine_cpus(root->path), own_processors());
    }
}

static void this_machine(void **state)
{
    (void)state;
    assert_in_range(dr_machine_cpus(""), 1, own_processors());
    assert_true(dr_machine_memory("") > 16 * MB);
    assert_true(dr_machine_memory("") < UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(unit_folder, nothing_known),
        unit_in(unit_folder, machine_alone),
        unit_in(unit_folder, cgroups_v2_are_read),
        unit_in(unit_folder, v2_in_a_container),
        unit_in(unit_folder, cgroups_v1_are_read),
        unit_in(unit_folder, processors_without_a_quota),
        unit_in(unit_folder, a_quota_of_v2_bounds_the_processors),
        unit_in(unit_folder, a_quota_of_v1_bounds_the_processors),
        unit_in(unit_folder, a_part_of_a_processor_counts_as_one),
        unit_in(unit_folder, what_is_no_quota_is_none),
        cmocka_unit_test(this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
