/* test_entry.c: set members byte for byte as the original's, and what is taken for one. */
#include "unit.h"

#include "base/mem.h"
#include "discovery/entry.h"

static void expect_text(const dr_entry *entry, const char *expected)
{
    char *text = dr_entry_write(entry);
    assert_non_null(text);
    assert_string_equal(text, expected);
    dr_free(text);
}

static void an_entry_is_written(void **state)
{
    (void)state;
    char *groups[] = {"group1", "group2"};
    const dr_entry entry = {
        .address = {.host = "10.0.2.15", .port = 9567}, .groups = groups, .count = 2};
    expect_text(
        &entry,
        "{\"node\":{\"ip\":\"10.0.2.15\",\"port\":9567},\"group\":[\"group1\",\"group2\"]}");
    const dr_entry v6 = {.address = {"::1", 1}, .groups = groups, .count = 1};
    expect_text(&v6, "{\"node\":{\"ip\":\"::1\",\"port\":1},\"group\":[\"group1\"]}");
}

/* Each is what `php -r 'echo json_encode(...)'` says. */
static void escapes_are_written(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a/b", "a\\/b"},
        {"\"\\", "\\\"\\\\"},
        {"\b\f\n\r\t", "\\b\\f\\n\\r\\t"},
        {"\x01\x1f\x7f", "\\u0001\\u001f\x7f"},
        {"\xc3\xbc", "\\u00fc"},
        {"\xe4\xb8\xad", "\\u4e2d"},
        {"\xef\xbf\xbf", "\\uffff"},
        {"\xf0\x9f\x98\x80x", "\\ud83d\\ude00x"},
        {"\xf4\x8f\xbf\xbf", "\\udbff\\udfff"},
        {"<&'>", "<&'>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[256];
        char group[16];
        char *groups[] = {group};
        dr_entry read;
        (void)snprintf(group, sizeof group, "%s", cases[i][0]);
        (void)snprintf(expected, sizeof expected,
                       "{\"node\":{\"ip\":\"h\",\"port\":65535},\"group\":[\"%s\"]}", cases[i][1]);
        const dr_entry entry = {.address = {"h", 65535}, .groups = groups, .count = 1};
        expect_text(&entry, expected);
        assert_int_equal(dr_entry_read((dora_slice){expected, strlen(expected)}, &read, NULL),
                         DORA_OK);
        assert_string_equal(read.groups[0], group);
        dr_entry_fini(&read);
    }
}

static dora_err read_text(const char *text, dr_entry *entry, dora_error *error)
{
    return dr_entry_read((dora_slice){text, strlen(text)}, entry, error);
}

static void an_entry_is_read(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{\"node\":{\"ip\":\"10.0.2.15\",\"port\":9567},\"group\":[\"a\",\"b\"]}",
        "{\"node\":{\"ip\":\"10.0.2.15\",\"port\":\"9567\"},\"group\":[\"a\",\"b\"]}",
        (" { \"more\": [{}], \"group\": [\"a\", \"b\", \"a\"],\n"
         " \"node\": {\"port\": 9567, \"ip\": \"10.0.2.15\", \"weight\": 3} } "),
        "{\"node\":{\"ip\":\"10.0.2.15\",\"port\":9567},\"group\":{\"0\":\"a\",\"2\":\"b\"}}",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        dr_entry entry;
        assert_int_equal(read_text(good[i], &entry, NULL), DORA_OK);
        assert_string_equal(entry.address.host, "10.0.2.15");
        assert_int_equal(entry.address.port, 9567);
        assert_int_equal(entry.count, 2);
        assert_string_equal(entry.groups[0], "a");
        assert_string_equal(entry.groups[1], "b");
        dr_entry_fini(&entry);
    }
}

static void malformed_entries_are_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "is no JSON object"},
        {"garbage", "is no JSON object"},
        {"[]", "has no \"node\""},
        {"{}", "has no \"node\""},
        {"{\"node\":\"10.0.0.1:9567\",\"group\":[\"a\"]}", "has no \"node\""},
        {"{\"node\":{\"ip\":\"h\",\"port\":1},\"group\":[\"a\"]} x", "is no JSON object"},
        {"{\"node\":{\"ip\":\"h\",\"port\":1},\"group\":[\"a\"]", "is no JSON object"},
        {"{\"node\":{\"ip\":\"h\",\"port\":1},\"group\":[\"\xff\"]}", "is no JSON object"},
        {"{\"node\":{\"ip\":\"h\",\"port\":1},\"group\":[\"a\\u0000b\"]}", "is no JSON object"},
        {"{\"node\":{\"port\":1},\"group\":[\"a\"]}", "ip must be an address"},
        {"{\"node\":{\"ip\":7,\"port\":1},\"group\":[\"a\"]}", "ip must be an address"},
        {"{\"node\":{\"ip\":\"\",\"port\":1},\"group\":[\"a\"]}", "ip must be an address"},
        {"{\"node\":{\"ip\":\"a b\",\"port\":1},\"group\":[\"a\"]}", "ip must be an address"},
        {"{\"node\":{\"ip\":\"h'\",\"port\":1},\"group\":[\"a\"]}", "ip must be an address"},
        {"{\"node\":{\"ip\":\"h\"},\"group\":[\"a\"]}", "port must be"},
        {"{\"node\":{\"ip\":\"h\",\"port\":0},\"group\":[\"a\"]}", "port must be"},
        {"{\"node\":{\"ip\":\"h\",\"port\":65536},\"group\":[\"a\"]}", "port must be"},
        {"{\"node\":{\"ip\":\"h\",\"port\":-1},\"group\":[\"a\"]}", "port must be"},
        {"{\"node\":{\"ip\":\"h\",\"port\":1.5},\"group\":[\"a\"]}", "port must be"},
        {"{\"node\":{\"ip\":\"h\",\"port\":\"\"},\"group\":[\"a\"]}", "port must be"},
        {"{\"node\":{\"ip\":\"h\",\"port\":\"8x\"},\"group\":[\"a\"]}", "port must be"},
        {"{\"node\":{\"ip\":\"h\",\"port\":\"000080\"},\"group\":[\"a\"]}", "port must be"},
        {"{\"node\":{\"ip\":\"h\",\"port\":1}}", "\"group\" is not a list"},
        {"{\"node\":{\"ip\":\"h\",\"port\":1},\"group\":\"a\"}", "\"group\" is not a list"},
        {"{\"node\":{\"ip\":\"h\",\"port\":1},\"group\":[]}", "\"group\" is not a list"},
        {"{\"node\":{\"ip\":\"h\",\"port\":1},\"group\":[7]}", "a group is not a text"},
        {"{\"node\":{\"ip\":\"h\",\"port\":1},\"group\":[\"a\",\"\"]}", "a group is not a text"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        dr_entry entry;
        dora_error error;
        assert_int_equal(read_text(bad[i][0], &entry, &error), DORA_EINVAL);
        assert_memory_equal(error.msg, bad[i][1], strlen(bad[i][1]));
        assert_null(entry.groups);
    }
}

/* entry_of makes a member's text: a host of `host` bytes, `count` groups of `bytes` bytes. */
static char *entry_of(size_t host, size_t count, size_t bytes)
{
    const size_t room = 128 + host + count * (bytes + 8);
    char *text = dr_calloc(1, room);
    size_t at = (size_t)snprintf(text, room, "{\"node\":{\"ip\":\"");
    memset(text + at, 'h', host);
    at += host;
    at += (size_t)snprintf(text + at, room - at, "\",\"port\":1},\"group\":[");
    for (size_t i = 0; i < count; i++) {
        at +=
            (size_t)snprintf(text + at, room - at, "%s\"%0*zu\"", i > 0 ? "," : "", (int)bytes, i);
    }
    (void)snprintf(text + at, room - at, "]}");
    return text;
}

static void entries_have_limits(void **state)
{
    (void)state;
    static const struct {
        size_t host;
        size_t count;
        size_t bytes;
        dora_err err;
    } cases[] = {
        {DR_HOST_BYTES - 1, 1, 1, DORA_OK},
        {DR_HOST_BYTES, 1, 1, DORA_EINVAL},
        {1, DR_ENTRY_GROUPS_MAX, DR_ENTRY_GROUP_BYTES_MAX, DORA_OK},
        {1, DR_ENTRY_GROUPS_MAX + 1, 2, DORA_EINVAL},
        {1, 1, DR_ENTRY_GROUP_BYTES_MAX + 1, DORA_EINVAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dr_entry entry;
        char *text = entry_of(cases[i].host, cases[i].count, cases[i].bytes);
        assert_int_equal(read_text(text, &entry, NULL), cases[i].err);
        if (cases[i].err == DORA_OK) {
            char *again = dr_entry_write(&entry);
            assert_string_equal(again, text);
            dr_free(again);
        }
        dr_entry_fini(&entry);
        dr_free(text);
    }
    char longest[DR_ENTRY_BYTES_MAX + 2];
    memset(longest, ' ', sizeof longest);
    char *text = entry_of(1, 1, 1);
    memcpy(longest, text, strlen(text));
    dr_entry entry;
    assert_int_equal(dr_entry_read((dora_slice){longest, DR_ENTRY_BYTES_MAX}, &entry, NULL),
                     DORA_OK);
    dr_entry_fini(&entry);
    assert_int_equal(dr_entry_read((dora_slice){longest, DR_ENTRY_BYTES_MAX + 1}, &entry, NULL),
                     DORA_EINVAL);
    dr_free(text);
}

static void keys_are_these(void **state)
{
    (void)state;
    char key[DR_ENTRY_KEY_MAX];
    const dr_address address = {.host = "10.0.2.15", .port = 9567};
    assert_string_equal(dr_entry_time_key(&address, key), "dora.servertime.10.0.2.15.9567.time");
    assert_string_equal(dr_entry_node_key(&address, key), "dora.node.10.0.2.15.9567");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_written), cmocka_unit_test(escapes_are_written),
        cmocka_unit_test(an_entry_is_read),    cmocka_unit_test(malformed_entries_are_refused),
        cmocka_unit_test(entries_have_limits), cmocka_unit_test(keys_are_these),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
