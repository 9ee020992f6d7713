/* test_utf8.c: characters and what is none, and texts that could steer a terminal. */
#include "unit.h"

#include <jansson.h>

#include "base/utf8.h"

static void characters_are_told_from_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {{"a", 1},
                 {"\x7f", 1},
                 {"\xc2\x80", 2},
                 {"\xe0\xa0\x80", 3},
                 {"\xed\x9f\xbf", 3},
                 {"\xef\xbf\xbf", 3},
                 {"\xf0\x90\x80\x80", 4},
                 {"\xf4\x8f\xbf\xbf", 4},
                 {"\x80", 0},
                 {"\xc1\xbf", 0},         /* longer than needed */
                 {"\xe0\x9f\xbf", 0},     /* the same */
                 {"\xf0\x8f\xbf\xbf", 0}, /* the same */
                 {"\xed\xa0\x80", 0},     /* a surrogate */
                 {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
                 {"\xf5\x80\x80\x80", 0},
                 {"\xff", 0},
                 {"\xc2", 0}, /* cut */
                 {"\xe2\x82", 0},
                 {"\xf0\x9f\x98", 0},
                 {"\xe2\x28\xa1", 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const dora_slice text = text_slice(cases[i].text);
        assert_int_equal(dr_utf8_len(text, 0), cases[i].len);
        assert_int_equal(dr_utf8_is_valid(text), cases[i].len > 0);
    }
    assert_int_equal(dr_utf8_sound(text_slice("caf\xc3\xa9 \xff caf\xc3"), 0), 6);
    assert_int_equal(dr_utf8_sound(text_slice("caf\xc3\xa9 \xff caf\xc3"), 7), 11);
    assert_true(dr_utf8_is_valid((dora_slice){NULL, 0}));
}

static void a_cut_character_is_left_out(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t whole;
    } cases[] = {{"", 0},
                 {"abc", 3},
                 {"ab\xc3\xa9", 4},
                 {"ab\xc3", 2},
                 {"ab\xe4\xb8", 2},
                 {"ab\xe4\xb8\xad", 5},
                 {"ab\xf0\x9f\x98", 2},
                 {"ab\xff", 3}, /* none that was begun */
                 {"\x80\x80\x80\x80", 4}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(dr_utf8_whole(text_slice(cases[i].text)), cases[i].whole);
    }
}

static const struct {
    dora_slice text;
    const char *line;  /* nothing kept */
    const char *lines; /* newline and tab kept */
} shown[] = {
    {{"plain ~", 7}, "plain ~", "plain ~"},
    {{"\xe4\xb8\xad\xe6\x96\x87 caf\xc3\xa9 \xf0\x9f\x98\x80", 17},
     "\xe4\xb8\xad\xe6\x96\x87 caf\xc3\xa9 \xf0\x9f\x98\x80",
     "\xe4\xb8\xad\xe6\x96\x87 caf\xc3\xa9 \xf0\x9f\x98\x80"},
    {{"a\nb\tc", 5}, "a\\x0ab\\x09c", "a\nb\tc"},
    {{"\r\0\x1b]0;x\x07", 8}, "\\x0d\\x00\\x1b]0;x\\x07", "\\x0d\\x00\\x1b]0;x\\x07"},
    {{"\x7f\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", 9},
     "\\x7f\\xc2\\x80\\xc2\\x9b\\xc2\\x9f\xc2\xa0",
     "\\x7f\\xc2\\x80\\xc2\\x9b\\xc2\\x9f\xc2\xa0"},
    {{"\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f", 8},
     "\\xd8\\x9c\\xe2\\x80\\x8e\\xe2\\x80\\x8f",
     "\\xd8\\x9c\\xe2\\x80\\x8e\\xe2\\x80\\x8f"},
    {{"\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaf", 12},
     "\xe2\x80\xa7\\xe2\\x80\\xa8\\xe2\\x80\\xa9\xe2\x80\xaf",
     "\xe2\x80\xa7\\xe2\\x80\\xa8\\xe2\\x80\\xa9\xe2\x80\xaf"},
    {{"\xe2\x80\xaa\xe2\x80\xae\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa", 18},
     "\\xe2\\x80\\xaa\\xe2\\x80\\xae\xe2\x81\xa5\\xe2\\x81\\xa6\\xe2\\x81\\xa9\xe2\x81\xaa",
     "\\xe2\\x80\\xaa\\xe2\\x80\\xae\xe2\x81\xa5\\xe2\\x81\\xa6\\xe2\\x81\\xa9\xe2\x81\xaa"},
    {{"\x80\xff\xc3", 3}, "\\x80\\xff\\xc3", "\\x80\\xff\\xc3"},
};

static void what_could_steer_is_escaped(void **state)
{
    (void)state;
    char text[DR_PRINTABLE_MAX(64)];
    dr_buf out = {0};
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        assert_string_equal(dr_printable_text(shown[i].text, text, sizeof(text)), shown[i].line);
        assert_int_equal(dr_printable(&out, shown[i].text, ""), DORA_OK);
        assert_slice(dr_buf_slice(&out), shown[i].line);
        dr_buf_clear(&out);
        assert_int_equal(dr_printable(&out, shown[i].text, "\n\t"), DORA_OK);
        assert_slice(dr_buf_slice(&out), shown[i].lines);
        dr_buf_clear(&out);
    }
    dr_buf_fini(&out);
}

static void a_small_area_gets_whole_characters(void **state)
{
    (void)state;
    char text[8];
    assert_string_equal(dr_printable_text(text_slice("abcdefgh"), text, sizeof(text)), "abcdefg");
    assert_string_equal(dr_printable_text(text_slice("abc\x1b\x1b"), text, sizeof(text)),
                        "abc\\x1b");
    assert_string_equal(dr_printable_text(text_slice("abcd\x1bxyz"), text, sizeof(text)), "abcd");
    assert_string_equal(dr_printable_text(text_slice("ab\xe4\xb8\xad\xe4\xb8\xad"), text, 8),
                        "ab\xe4\xb8\xad");
    assert_string_equal(dr_printable_text((dora_slice){NULL, 0}, text, 1), "");
}

static void json_stays_the_same_value(void **state)
{
    (void)state;
    dr_buf out = {0};
    const char *text = "{\"a\x7f\":\"\xc2\x9b\xe2\x80\xae\xe4\xb8\xad\",\n\"b\":[1,\"\xd8\x9c\"]}";
    assert_int_equal(dr_printable_json(&out, text_slice(text)), DORA_OK);
    assert_slice(dr_buf_slice(&out), "{\"a\\u007f\":\"\\u009b\\u202e\xe4\xb8\xad\",\n"
                                     "\"b\":[1,\"\\u061c\"]}");
    json_t *before = json_loads(text, 0, NULL);
    json_t *after = json_loadb(out.data, out.len, 0, NULL);
    assert_true(before != NULL && json_equal(before, after));
    json_decref(before);
    json_decref(after);
    dr_buf_clear(&out);
    assert_int_equal(dr_printable_json(&out, text_slice("\"\xff\xe4\"")), DORA_OK);
    assert_slice(dr_buf_slice(&out), "\"??\"");
    dr_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_are_told_from_bytes),
        cmocka_unit_test(a_cut_character_is_left_out),
        cmocka_unit_test(what_could_steer_is_escaped),
        cmocka_unit_test(a_small_area_gets_whole_characters),
        cmocka_unit_test(json_stays_the_same_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
