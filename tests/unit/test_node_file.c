/* test_node_file.c: node files: written as PHP and JSON, read, put in place. */
#include "unit_folder.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "discovery/node_file.h"
#include "monitor/monitor_file.h"
#include "torture.h"

static void add(dr_roster *roster, const char *group, const char *address, int64_t updatetime)
{
    dr_address node;
    assert_int_equal(dr_address_read(text_slice(address), &node, NULL), DORA_OK);
    assert_int_equal(dr_roster_add(roster, text_slice(group), &node, updatetime), DORA_OK);
}

static void make(dr_roster *roster)
{
    *roster = (dr_roster){0};
    add(roster, "group1", "10.0.2.15:9567", 1482239138);
    add(roster, "group1", "10.0.2.16:9567", 0);
    add(roster, "group2", "[::1]:1", 7);
}

static void assert_written(const dr_roster *roster, dr_node_format format, const char *expected)
{
    size_t len = 0;
    char *text = dr_node_file_write(roster, format, &len);
    assert_non_null(text);
    assert_slice(((dora_slice){text, len}), expected);
    dr_free(text);
}

static void a_file_is_written(void **state)
{
    (void)state;
    dr_roster roster = {0};
    assert_written(&roster, DR_NODE_JSON, "{}\n");
    make(&roster);
    assert_written(&roster, DR_NODE_JSON,
                   "{\n"
                   "  \"group1\": {\n"
                   "    \"10.0.2.15_9567\": {\"ip\": \"10.0.2.15\", \"port\": 9567, "
                   "\"updatetime\": \"1482239138\"},\n"
                   "    \"10.0.2.16_9567\": {\"ip\": \"10.0.2.16\", \"port\": 9567, "
                   "\"updatetime\": \"0\"}\n"
                   "  },\n"
                   "  \"group2\": {\n"
                   "    \"::1_1\": {\"ip\": \"::1\", \"port\": 1, \"updatetime\": \"7\"}\n"
                   "  }\n"
                   "}\n");
    dr_roster_fini(&roster);
    add(&roster, "it's \\ \"?>", "h:1", 5);
    assert_written(&roster, DR_NODE_PHP,
                   "<?php\n"
                   "// Written by dora monitor; it writes it again when a node comes or goes.\n"
                   "return array (\n"
                   "  'it\\'s \\\\ \"?>' => \n"
                   "  array (\n"
                   "    'h_1' => \n"
                   "    array (\n"
                   "      'ip' => 'h',\n"
                   "      'port' => 1,\n"
                   "      'updatetime' => '5',\n"
                   "    ),\n"
                   "  ),\n"
                   ");\n");
    dr_roster_fini(&roster);
}

static void a_file_is_read(void **state)
{
    (void)state;
    dr_roster roster;
    dr_roster again;
    dora_error error;
    size_t len = 0;
    make(&roster);
    char *text = dr_node_file_write(&roster, DR_NODE_JSON, &len);
    assert_int_equal(dr_node_file_read((dora_slice){text, len}, &again, &error), DORA_OK);
    assert_true(dr_roster_is_same(&roster, &again));
    assert_int_equal(again.groups[0].nodes[0].updatetime, 1482239138);
    dr_free(text);
    dr_roster_fini(&roster);
    dr_roster_fini(&again);

    /* Lists, ports as text, other keys, groups without nodes; the file's order stays. */
    const char *other = "{\"z\": [{\"ip\": \"h\", \"port\": \"2\", \"x\": []}, {\"ip\": \"a\", "
                        "\"port\": 1, \"updatetime\": 12}], \"empty\": [], \"none\": {}}";
    assert_int_equal(dr_node_file_read(text_slice(other), &roster, &error), DORA_OK);
    assert_int_equal(roster.count, 1);
    assert_string_equal(roster.groups[0].nodes[0].address.host, "h");
    assert_int_equal(roster.groups[0].nodes[0].address.port, 2);
    assert_int_equal(roster.groups[0].nodes[1].updatetime, 12);
    dr_roster_fini(&roster);
    assert_int_equal(dr_node_file_read(text_slice("[]"), &roster, &error), DORA_OK);
    assert_int_equal(roster.count, 0);
}

/* A path may lead to any file: no message shows what stands in it. */
static void read_refused_quotes_nothing(void **state)
{
    (void)state;
#define NO_JSON "this is no JSON; a node file is what `dora monitor --out nodes.json` writes"
#define EXPECTED ": an object with \"ip\" (a text) and \"port\" (1 to 65535) is expected"
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"", "line 1, column 0: it ends in the middle"},
        {"{\n \"a\": 1,,}", "line 2, column 9: " NO_JSON},
        {"root:$6$salt$secret:19000::\n", "line 1, column 4: " NO_JSON},
        {"{\"password\": \"secret\" = 1}", "line 1, column 23: " NO_JSON},
        {"{\"secret\": 1, \"secret\": 2}", "line 1, column 22: a name stands there twice"},
        {"[] secret", "line 1, column 9: something stands behind the JSON"},
        {"<?php return [];", "this is the PHP form; the JSON form is expected here, which `dora "
                             "monitor --out nodes.json` writes"},
        {"[\"secret\"]", "an object with groups is expected"},
        {"{\"secret\": 1}", "group 1: nodes are expected"},
        {"{\"g\": [], \"secret\": \"secret\"}", "group 2: nodes are expected"},
        {"{\"secret\": [7]}", "group 1, node 1" EXPECTED},
        {"{\"a\": {\"secret\": {\"port\": 1}}}", "group 1, node 1" EXPECTED},
        {"{\"a\": {\"k\": {\"ip\": \"h\"}}}", "group 1, node 1" EXPECTED},
        {"{\"a\": {\"k\": {\"ip\": \"h\", \"port\": 0}}}", "group 1, node 1" EXPECTED},
        {"{\"a\": {\"k\": {\"ip\": \"h\", \"port\": 65536}}}", "group 1, node 1" EXPECTED},
        {"{\"a\": {\"k\": {\"ip\": \"h\", \"port\": \"1x\"}}}", "group 1, node 1" EXPECTED},
        {"{\"a\": {\"k\": {\"ip\": \"h:1,b\", \"port\": 1}}}", "group 1, node 1" EXPECTED},
        {"{\"a\": [{\"ip\": \"h\", \"port\": 1}, {\"ip\": \"\", \"port\": 1}]}",
         "group 1, node 2" EXPECTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dr_roster roster;
        dora_error error = {.err = DORA_OK};
        assert_int_equal(dr_node_file_read(text_slice(cases[i].text), &roster, &error),
                         DORA_EINVAL);
        assert_string_equal(error.msg, cases[i].message);
        assert_null(strstr(error.msg, "secret"));
        assert_null(roster.groups);
    }
}

static bool read_and_write(void *user)
{
    dr_roster roster;
    size_t len;
    if (dr_node_file_read(text_slice(user), &roster, NULL) != DORA_OK) {
        return false;
    }
    char *php = dr_node_file_write(&roster, DR_NODE_PHP, &len);
    char *json = dr_node_file_write(&roster, DR_NODE_JSON, &len);
    const bool is_done = php != NULL && json != NULL;
    dr_free(php);
    dr_free(json);
    dr_roster_fini(&roster);
    return is_done;
}

static void out_of_memory(void **state)
{
    (void)state;
    assert_true(torture_run(read_and_write, (void *)(uintptr_t) "{\"a\": [{\"ip\": \"h\", "
                                                                "\"port\": 1}]}") > 4);
}

/* ---- the file ---- */

/* writing is a folder to write in, and the mask of modes, which tests change. */
typedef struct writing {
    unit_folder folder;
    mode_t mask;
} writing;

static void writing_begin(writing *at, mode_t mask)
{
    at->mask = umask(mask);
    unit_folder_make(&at->folder);
}

static void writing_end(writing *at)
{
    umask(at->mask);
    unit_folder_remove(&at->folder);
}
UNIT_SCENE(writing, writing_end)

static void assert_file(const char *path, const char *expected, mode_t mode)
{
    char text[64];
    struct stat status;
    unit_read(path, text, sizeof text);
    assert_string_equal(text, expected);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, mode);
}

static size_t files_in(const unit_folder *folder)
{
    size_t count = 0;
    DIR *dir = opendir(folder->path);
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count - 2; /* . and .. */
}

static void a_file_is_replaced_whole(void **state)
{
    writing *at = *state;
    writing_begin(at, 027);
    char path[128];
    char link[128];
    dora_error error;
    struct stat before;
    struct stat after;
    snprintf(path, sizeof path, "%s", unit_folder_path(&at->folder, "nodes.json"));
    snprintf(link, sizeof link, "%s", unit_folder_path(&at->folder, "link"));
    assert_int_equal(dr_node_file_replace(path, text_slice("one"), &error), DORA_OK);
    assert_file(path, "one", 0640);
    assert_int_equal(chmod(path, 0604), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, 54321), 0);
    }
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(symlink("nodes.json", link), 0);
    assert_int_equal(dr_node_file_replace(link, text_slice("two!"), &error), DORA_OK);
    assert_file(path, "two!", 0604);
    assert_int_equal(lstat(link, &after), 0);
    assert_true(S_ISLNK(after.st_mode));
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_uid, after.st_uid);
    assert_int_equal(before.st_gid, after.st_gid);
    assert_int_not_equal(before.st_ino, after.st_ino); /* never written in place */
    assert_int_equal(files_in(&at->folder), 2);        /* and nothing is left beside it */
}

static void a_link_of_another_user_is_not_followed(void **state)
{
    writing *at = *state;
    writing_begin(at, 022);
    char link[256];
    char path[256];
    dora_error error;
    (void)snprintf(path, sizeof path, "%s", unit_folder_path(&at->folder, "theirs.json"));
    (void)snprintf(link, sizeof link, "%s", unit_folder_path(&at->folder, "theirs.link"));
    assert_int_equal(dr_node_file_replace(path, text_slice("one!"), &error), DORA_OK);
    assert_int_equal(symlink("theirs.json", link), 0);
    if (lchown(link, 65534, 65534) != 0) {
        skip(); /* only root can give a link away */
    }
    assert_int_equal(dr_node_file_replace(link, text_slice("two!"), &error), DORA_EIO);
    assert_non_null(strstr(error.msg, "a symbolic link that another user made"));
    assert_file(path, "one!", 0644);
    assert_int_equal(unlink(link) + unlink(path), 0);
}

static void replace_refused(void **state)
{
    writing *at = *state;
    writing_begin(at, 022);
    char expected[256];
    dora_error error;
    const size_t files = files_in(&at->folder);
    snprintf(expected, sizeof expected, "cannot write %s: it is no regular file", at->folder.path);
    assert_int_equal(dr_node_file_replace(at->folder.path, text_slice("x"), &error), DORA_EIO);
    assert_string_equal(error.msg, expected);
    const char *path = unit_folder_path(&at->folder, "none/nodes.json");
    snprintf(expected, sizeof expected, "cannot write %s: No such file or directory", path);
    assert_int_equal(dr_node_file_replace(path, text_slice("x"), &error), DORA_EIO);
    assert_string_equal(error.msg, expected);
    assert_int_equal(dr_node_file_replace("/dev/null", text_slice("x"), &error), DORA_EIO);
    assert_int_equal(files_in(&at->folder), files);
}

/* PHP itself reads the PHP form: odd names and all, it is the array that the JSON form gives, and
 * written byte for byte as PHP would. */
static void php_reads_it(void **state)
{
    writing *at = *state;
    writing_begin(at, 022);
    static const char program[] =
        "php -n -r '$array = include $argv[1]; "
        "$json = json_decode(file_get_contents($argv[2]), true, 512, JSON_THROW_ON_ERROR); "
        "$lines = explode(\"\\n\", file_get_contents($argv[1]), 3); "
        "echo count($array) === 8 && $array === $json ? \"same\" : var_export($array, true), "
        "$lines[2] === \"return \" . var_export($array, true) . \";\\n\" ? \" bytes\" : \"\", "
        "isset($GLOBALS[\"evil\"]) ? \" evil\" : \"\";' %s/odd.php %s/odd.json";
    static const char *const groups[] = {
        "group1",  "it's",        "back\\",          "\\'; $GLOBALS['evil'] = 1; //",
        "?><?php", "line\n*/ $x", "{$GLOBALS}\t\"$", "\xc3\xa4\xe7\xbb\x84"};
    dr_roster roster = {0};
    char command[1024];
    char said[256] = "";
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        add(&roster, groups[i], "10.0.2.15:9567", 1482239138);
        add(&roster, groups[i], "10.0.2.15:9568", 0);
    }
    static const char *const names[] = {"odd.json", "odd.php"};
    for (int i = 0; i < 2; i++) {
        size_t len;
        char *text = dr_node_file_write(&roster, i == 0 ? DR_NODE_JSON : DR_NODE_PHP, &len);
        assert_non_null(text);
        assert_int_equal(dr_node_file_replace(unit_folder_path(&at->folder, names[i]),
                                              (dora_slice){text, len}, NULL),
                         DORA_OK);
        dr_free(text);
    }
    dr_roster_fini(&roster);
    snprintf(command, sizeof command, program, at->folder.path, at->folder.path);
    FILE *php = popen(command, "r");
    assert_non_null(php);
    const size_t len = fread(said, 1, sizeof said - 1, php);
    said[len] = '\0';
    assert_int_equal(pclose(php), 0);
    assert_string_equal(said, "same bytes");
}

/* puts_node writes a file of one node. Returns: whether it was written. */
static bool puts_node(const dora_monitor_file *file, const char *group, int64_t updatetime)
{
    dr_roster roster = {0};
    bool is_written = false;
    add(&roster, group, "h:1", updatetime);
    assert_int_equal(dr_monitor_file_put(file, &roster, &is_written, NULL), DORA_OK);
    dr_roster_fini(&roster);
    return is_written;
}

static void put_when_nodes_change(void **state)
{
    writing *at = *state;
    writing_begin(at, 022);
    static const char *const odd[] = {"updatetime1", "'updatetime' => '1", "\"updatetime\": \"1"};
    for (int i = 0; i < 2; i++) {
        const dora_monitor_file file = {.path = unit_folder_path(&at->folder, "nodes.json"),
                                        .is_php = i == 1};
        assert_true(puts_node(&file, "g", 7));
        assert_false(puts_node(&file, "g", 1482239138)); /* only the time is another one */
        for (size_t j = 0; j < sizeof odd / sizeof odd[0]; j++) {
            char later[32];
            snprintf(later, sizeof later, "%s2", odd[j]);
            assert_true(puts_node(&file, odd[j], 7));
            assert_true(puts_node(&file, later, 7));
            assert_false(puts_node(&file, later, 8));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_written),
        cmocka_unit_test(a_file_is_read),
        cmocka_unit_test(read_refused_quotes_nothing),
        cmocka_unit_test(out_of_memory),
        unit_in(writing, a_file_is_replaced_whole),
        unit_in(writing, a_link_of_another_user_is_not_followed),
        unit_in(writing, replace_refused),
        unit_in(writing, php_reads_it),
        unit_in(writing, put_when_nodes_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
