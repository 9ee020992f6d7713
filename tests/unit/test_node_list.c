/* test_node_list.c: what a program gives as its servers, and how what is wrong is worded. */
#include "unit.h"

#include <string.h>

#include <dora/nodes.h>

/* Each letter is a step: g and the name of a group, l a list, t and a text, o another type, n
 * another type as a group's name. Steps are separated by blanks. */
static dora_nodes *walk(const char *steps)
{
    dora_nodes *nodes = dora_nodes_new();
    assert_non_null(nodes);
    while (*steps != '\0') {
        const dora_slice text = {steps + 1, strcspn(steps, " ") - 1};
        switch (*steps) {
        case 'g':
            dora_nodes_group(nodes, text);
            break;
        case 'l':
            dora_nodes_list(nodes);
            break;
        case 't':
            dora_nodes_add(nodes, text);
            break;
        default:
            dora_nodes_other(nodes, *steps == 'n', "int");
            break;
        }
        steps += text.len + 1;
        steps += strspn(steps, " ");
    }
    return nodes;
}

static void groups_and_lists_become_texts(void **state)
{
    (void)state;
    dora_client_options options = {.nodes = NULL};
    dora_error error;
    dora_nodes *nodes = walk("ta:1,b:2");
    assert_int_equal(dora_nodes_finish(nodes, &options, NULL, &error), DORA_OK);
    assert_string_equal(options.nodes, "a:1,b:2");
    assert_int_equal(options.group_count, 0);
    dora_nodes_free(nodes);

    nodes = walk("l ta:1 tunix:/a");
    assert_int_equal(dora_nodes_finish(nodes, &options, NULL, &error), DORA_OK);
    assert_string_equal(options.nodes, "a:1,unix:/a");
    dora_nodes_free(nodes);

    nodes = walk("gone ta:1 gtwo l tb:1 tb:2");
    assert_int_equal(dora_nodes_finish(nodes, &options, NULL, &error), DORA_OK);
    assert_null(options.nodes);
    assert_int_equal(options.group_count, 2);
    assert_string_equal(options.groups[0].name, "one");
    assert_string_equal(options.groups[0].nodes, "a:1");
    assert_string_equal(options.groups[1].name, "two");
    assert_string_equal(options.groups[1].nodes, "b:1,b:2");
    dora_nodes_free(nodes);
}

static void what_is_wrong_is_named_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *steps;
        bool is_type;
        const char *msg;
    } cases[] = {
        {"", false, "nodes is empty: \"host:port\", a list of these, or groups by name is wanted"},
        {"l", false, "nodes is empty: \"host:port\", a list of these, or groups by name is wanted"},
        {"t", false, "nodes is empty: \"host:port\", a list of these, or groups by name is wanted"},
        {"o", true, "nodes is int: \"host:port\", a list of these, or groups by name is wanted"},
        {"l ta:1 o ta:2", true, "nodes[1] is int: \"host:port\" is wanted"},
        {"l ta:1 t", false, "nodes[1] is empty: \"host:port\" is wanted"},
        {"ga ta:1 gb", false, "nodes[\"b\"] is empty: \"host:port\" or a list of these is wanted"},
        {"ga l gb tb:1", false,
         "nodes[\"a\"] is empty: \"host:port\" or a list of these is wanted"},
        {"ga o", true, "nodes[\"a\"] is int: \"host:port\" or a list of these is wanted"},
        {"ga l ta:1 ta:2 o", true, "nodes[\"a\"][2] is int: \"host:port\" is wanted"},
        {"ga l ta:1 gb l o", true, "nodes[\"b\"][0] is int: \"host:port\" is wanted"},
        {"g ta:1", false, "nodes: a group's name is empty: a text that is not empty is wanted"},
        {"n ta:1", true, "nodes: a group's name is int: a text that is not empty is wanted"},
        {"o t", true, "nodes is int: \"host:port\", a list of these, or groups by name is wanted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dora_client_options options = {.nodes = NULL};
        dora_error error;
        bool is_type = !cases[i].is_type;
        dora_nodes *nodes = walk(cases[i].steps);
        assert_int_equal(dora_nodes_finish(nodes, &options, &is_type, &error), DORA_EINVAL);
        assert_string_equal(error.msg, cases[i].msg);
        assert_int_equal(is_type, cases[i].is_type);
        dora_nodes_free(nodes);
    }
}

static void nul_bytes_are_refused(void **state)
{
    (void)state;
    dora_client_options options = {.nodes = NULL};
    dora_error error;
    dora_nodes *nodes = dora_nodes_new();
    dora_nodes_list(nodes);
    dora_nodes_add(nodes, (dora_slice){"a:1\0", 4});
    assert_int_equal(dora_nodes_finish(nodes, &options, NULL, &error), DORA_EINVAL);
    assert_string_equal(error.msg, "nodes[0] has a NUL byte: \"host:port\" is wanted");
    dora_nodes_free(nodes);
    nodes = dora_nodes_new();
    dora_nodes_group(nodes, (dora_slice){"a\0b", 3});
    dora_nodes_add(nodes, (dora_slice){"a:1", 3});
    assert_int_equal(dora_nodes_finish(nodes, &options, NULL, &error), DORA_EINVAL);
    assert_string_equal(error.msg, "nodes: a group's name has a NUL byte behind a: a text that is "
                                   "not empty is wanted");
    dora_nodes_free(nodes);
}

static void ip_and_port_make_a_node(void **state)
{
    (void)state;
    static const struct {
        const char *ip;
        int64_t port;
        const char *said;
    } cases[] = {
        {"10.0.0.1", 1, "10.0.0.1:1"},
        {"::1", 65535, "[::1]:65535"},
        {"[::1]", 80, "[::1]:80"},
        {"host", 0, "port must be a number from 1 to 65535"},
        {"host", 65536, "port must be a number from 1 to 65535"},
        {"", 0, "ip must be an address as text"},
        {"a b", 1, "ip must be an address as text"},
        {"a%b", 1, "ip must be an address as text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[DORA_NODE_TEXT_MAX] = "";
        dora_error error = {.msg = ""};
        const dora_slice ip = {cases[i].ip, strlen(cases[i].ip)};
        const dora_err err = dora_node_text(ip, cases[i].port, text, &error);
        assert_string_equal(err == DORA_OK ? text : error.msg, cases[i].said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_and_lists_become_texts),
        cmocka_unit_test(what_is_wrong_is_named_with_its_place),
        cmocka_unit_test(nul_bytes_are_refused),
        cmocka_unit_test(ip_and_port_make_a_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
