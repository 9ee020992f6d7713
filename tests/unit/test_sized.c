/* test_sized.c: programs of another version than the library's, and what they may say. */
#include "unit.h"

#include <dora/dora.h>

#include "base/limits.h"
#include "base/sized.h"

/* A structure that has grown by `added`, as it was, and as it may be some day. */
typedef struct grown {
    size_t size;
    uint64_t first;
    uint64_t added;
} grown;

typedef struct older {
    size_t size;
    uint64_t first;
} older;

typedef struct newer {
    grown known;
    uint64_t unknown;
} newer;

static const dr_sized type = DR_SIZED(grown, first);

static void the_version_is_the_headers(void **state)
{
    (void)state;
    char number[32];
    snprintf(number, sizeof number, "%d.%d.%d", DORA_VERSION_NUMBER / 10000,
             DORA_VERSION_NUMBER / 100 % 100, DORA_VERSION_NUMBER % 100);
    assert_string_equal(dora_version(), DORA_VERSION);
    assert_string_equal(number, DORA_VERSION);
}

static void what_an_older_program_lacks_is_zero(void **state)
{
    (void)state;
    const size_t sizes[] = {0, sizeof(older)};
    for (size_t i = 0; i < 2; i++) {
        const older given = {.size = sizes[i], .first = 7};
        grown room = {.added = 9};
        const void *taken = &given;
        assert_int_equal(dr_sized_take(&type, &taken, &room, NULL), DORA_OK);
        assert_ptr_equal(taken, &room);
        assert_int_equal(room.first, 7);
        assert_int_equal(room.added, 0);
    }
}

static void a_program_of_this_version_is_not_copied(void **state)
{
    (void)state;
    const grown given = {.size = sizeof given, .added = 5};
    grown room;
    const void *taken = &given;
    assert_int_equal(dr_sized_take(&type, &taken, &room, NULL), DORA_OK);
    assert_ptr_equal(taken, &given);
}

static void a_newer_program_must_not_use_what_is_new(void **state)
{
    (void)state;
    newer given = {.known = {.size = sizeof given, .added = 5}};
    grown room;
    dora_error error;
    const void *taken = &given;
    assert_int_equal(dr_sized_take(&type, &taken, &room, &error), DORA_OK);
    assert_ptr_equal(taken, &given);
    given.unknown = 1;
    assert_int_equal(dr_sized_take(&type, &taken, &room, &error), DORA_EVERSION);
    assert_string_equal(error.msg, "grown sets a member that this libdora (" DORA_VERSION
                                   ") is too old to know");
}

static void a_size_that_cannot_be_is_refused(void **state)
{
    (void)state;
    const older given = {.size = sizeof given - 1};
    grown room;
    dora_error error;
    const void *taken = &given;
    assert_int_equal(dr_sized_take(&type, &taken, &room, &error), DORA_EINVAL);
    assert_string_equal(error.msg, "grown.size is 15: it must be 0 or sizeof(grown)");
}

static void what_was_never_set_is_not_read_as_a_size(void **state)
{
    (void)state;
    char bytes[DR_SIZED_BYTES_MAX + 1] = {0};
    const size_t sizes[] = {sizeof bytes, (size_t)(uintptr_t) "127.0.0.1:9567", SIZE_MAX};
    for (size_t i = 0; i < 3; i++) {
        grown room;
        const void *taken = bytes;
        memcpy(bytes, &sizes[i], sizeof sizes[i]);
        assert_int_equal(dr_sized_take(&type, &taken, &room, NULL), DORA_EINVAL);
    }
    const size_t largest = DR_SIZED_BYTES_MAX;
    grown room;
    const void *taken = bytes;
    memcpy(bytes, &largest, sizeof largest);
    assert_int_equal(dr_sized_take(&type, &taken, &room, NULL), DORA_OK);
}

static void what_is_given_back_fits_the_program(void **state)
{
    (void)state;
    const grown ours = {.size = sizeof ours, .first = 1, .added = 2};
    struct {
        older older;
        uint64_t behind;
    } short_of = {.older = {.size = sizeof(older)}, .behind = 77};
    dr_sized_give(&type, &ours, &short_of);
    assert_int_equal(short_of.older.size, sizeof(older));
    assert_int_equal(short_of.older.first, 1);
    assert_int_equal(short_of.behind, 77);
    newer longer = {.known = {.size = sizeof longer}, .unknown = 77};
    dr_sized_give(&type, &ours, &longer);
    assert_int_equal(longer.known.added, 2);
    assert_int_equal(longer.unknown, 77);
}

/* Every door looks at the size, before it does anything. */
static void each_function_refuses_a_wrong_size(void **state)
{
    (void)state;
    const dora_client_options client_options = {.size = 1, .nodes = "127.0.0.1:1"};
    const dora_call_options call_options = {.size = 1};
    const dora_call call = {.name = text_slice("/a")};
    dora_client *client = NULL;
    dora_mux *mux = NULL;
    dora_collection *collection = NULL;
    dora_answer *answer = dora_answer_new();
    uint64_t id;
    assert_int_equal(dora_client_new(&client, &client_options, NULL), DORA_EINVAL);
    assert_int_equal(dora_mux_new(&mux, &client_options, NULL), DORA_EINVAL);
    const dora_client_options good = {.nodes = "127.0.0.1:1"};
    assert_int_equal(dora_client_new(&client, &good, NULL), DORA_OK);
    assert_int_equal(dora_mux_new(&mux, &good, NULL), DORA_OK);
    assert_int_equal(dora_client_call(client, &call, &call_options, answer, NULL), DORA_EINVAL);
    assert_int_equal(dora_client_collect(&client, 1, &call_options, &collection, NULL),
                     DORA_EINVAL);
    assert_int_equal(dora_client_result(client, text_slice("0123456789abcdef0123456789abcdef"),
                                        &call_options, &collection, NULL),
                     DORA_EINVAL);
    assert_int_equal(
        dora_mux_start(mux, DORA_MUX_CALL, &call, 1, &call_options, 1, NULL, &id, NULL),
        DORA_EINVAL);
    dora_mux_free(mux);
    dora_client_free(client);
    dora_answer_free(answer);

    char *frame = NULL;
    char *owned = NULL;
    size_t len = 0;
    dora_slice body;
    const dora_frame_options frame_options = {.size = 1};
    const char guid[33] = "0123456789abcdef0123456789abcdef";
    assert_int_equal(dora_frame_pack(&frame_options, guid, text_slice("N;"), &frame, &len),
                     DORA_EINVAL);
    assert_int_equal(
        dora_frame_check(&frame_options, text_slice("x"), false, &len, &body, &owned, NULL),
        DORA_EINVAL);
    dora_alone *alone = NULL;
    const dora_alone_call alone_call = {.size = 1, .name = text_slice("/a")};
    assert_int_equal(dora_alone_new(&alone_call, &alone, NULL), DORA_EINVAL);
    const dora_monitor_options monitor_options = {.size = 1};
    assert_int_equal(dora_monitor_run(&monitor_options, NULL), DORA_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_version_is_the_headers),
        cmocka_unit_test(what_an_older_program_lacks_is_zero),
        cmocka_unit_test(a_program_of_this_version_is_not_copied),
        cmocka_unit_test(a_newer_program_must_not_use_what_is_new),
        cmocka_unit_test(a_size_that_cannot_be_is_refused),
        cmocka_unit_test(what_was_never_set_is_not_read_as_a_size),
        cmocka_unit_test(what_is_given_back_fits_the_program),
        cmocka_unit_test(each_function_refuses_a_wrong_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
