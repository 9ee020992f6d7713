/* test_tls.c: the filter between the bytes of TLS and those of its user. */
#include "tls_scene.h"

#include <sys/stat.h>
#include <time.h>

#include "base/limits.h"
#include "tls/trust.h"

static time_t ahead_s;

/* time is OpenSSL's, too: as late as a test wants it to be. */
time_t time(time_t *also)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += ahead_s;
    if (also != NULL) {
        *also = now.tv_sec;
    }
    return now.tv_sec;
}

static void close_scene(tls_scene *self)
{
    tls_scene_close(self);
    ahead_s = 0;
}

UNIT_SCENE(tls_scene, close_scene)

static void begin(tls_scene *self, const char *server, const char *client)
{
    tls_scene_begin(self);
    dr_tls_settings ours = tls_scene_settings(self, server);
    const dr_tls_settings theirs = tls_scene_settings(self, client);
    ours.verify = DR_TLS_VERIFY_OPTIONAL;
    tls_scene_meet(self, &ours, &theirs);
}

static void assert_read(dr_tls_filter *filter, const char *text)
{
    char room[256];
    size_t got = 0;
    assert_int_equal(dr_tls_filter_read(filter, room, sizeof(room), &got), DORA_OK);
    assert_int_equal(got, strlen(text));
    assert_memory_equal(room, text, got);
    assert_int_equal(dr_tls_filter_read(filter, room, sizeof(room), &got), DORA_EAGAIN);
}

static void talk(tls_scene *self, size_t piece)
{
    assert_int_equal(tls_scene_pump(self, piece), DORA_OK);
    assert_true(dr_tls_filter_is_open(self->client));
    assert_true(dr_tls_filter_is_open(self->server));
    assert_int_equal(dr_tls_filter_write(self->client, text_slice("hello")), DORA_OK);
    assert_int_equal(dr_tls_filter_write(self->client, text_slice(" server")), DORA_OK);
    assert_int_equal(tls_scene_pump(self, piece), DORA_OK);
    assert_read(self->server, "hello server");
    assert_int_equal(dr_tls_filter_write(self->server, text_slice("hello client")), DORA_OK);
    assert_int_equal(tls_scene_pump(self, piece), DORA_OK);
    assert_read(self->client, "hello client");
}

static void bytes_go_both_ways_in_pieces_of_any_size(void **state)
{
    tls_scene *self = *state;
    const size_t pieces[] = {1, 2, 5, 7, 100, 1 << 20};
    begin(self, "server", "client");
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        tls_scene_meet(self, NULL, NULL);
        talk(self, pieces[i]);
    }
}

/* What the client says is fed in two pieces, cut at each place. */
static void a_handshake_may_be_cut_anywhere(void **state)
{
    tls_scene *self = *state;
    begin(self, "server", NULL);
    dora_slice hello = dr_tls_filter_output(self->client);
    for (size_t cut = 1; cut < hello.len; cut++) {
        dr_tls_filter *server = dr_tls_filter_server(self->server_context);
        const dora_err first = dr_tls_filter_feed(server, (dora_slice){hello.data, cut});
        const size_t early = dr_tls_filter_output(server).len;
        const dora_err second =
            dr_tls_filter_feed(server, (dora_slice){hello.data + cut, hello.len - cut});
        const size_t late = dr_tls_filter_output(server).len;
        const bool is_open = dr_tls_filter_is_open(server);
        dr_tls_filter_free(server);
        assert_int_equal(first, DORA_OK);
        assert_int_equal(second, DORA_OK);
        assert_int_equal(early, 0);
        assert_true(late > 0);
        assert_false(is_open);
    }
}

static void many_bytes_come_as_they_went(void **state)
{
    tls_scene *self = *state;
    const size_t len = 300000;
    size_t at = 0;
    begin(self, "server", NULL);
    assert_int_equal(tls_scene_pump(self, 1 << 20), DORA_OK);
    char *bytes = malloc(2 * len);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (char)(i * 7 + i / 251);
    }
    const dora_err wrote = dr_tls_filter_write(self->client, (dora_slice){bytes, len});
    const dora_err carried = tls_scene_pump(self, 1000);
    size_t got = 0;
    while (at < len && dr_tls_filter_read(self->server, bytes + len + at, 70000, &got) == DORA_OK) {
        at += got;
    }
    const bool is_same = at == len && memcmp(bytes, bytes + len, len) == 0;
    free(bytes);
    assert_int_equal(wrote, DORA_OK);
    assert_int_equal(carried, DORA_OK);
    assert_true(is_same);
    assert_int_equal(dr_tls_filter_held(self->server), 0);
    assert_false(dr_tls_filter_has_plain(self->client)); /* but a ticket */
    assert_int_equal(dr_tls_filter_held(self->client), 0);
}

static void what_is_written_before_the_handshake_is_not_taken(void **state)
{
    tls_scene *self = *state;
    begin(self, "server", NULL);
    assert_int_equal(dr_tls_filter_write(self->client, text_slice("early")), DORA_EAGAIN);
    assert_false(dr_tls_filter_is_open(self->client));
}

static void a_ticket_is_no_bytes_and_a_goodbye_is_an_end(void **state)
{
    tls_scene *self = *state;
    char room[8];
    size_t got = 0;
    begin(self, "server", NULL);
    assert_int_equal(tls_scene_pump(self, 1 << 20), DORA_OK);
    assert_true(dr_tls_filter_held(self->client) > 0); /* a ticket waits */
    assert_false(dr_tls_filter_has_plain(self->client));
    assert_int_equal(dr_tls_filter_held(self->client), 0);
    dr_tls_filter_close(self->server);
    dr_tls_filter_close(self->server);
    assert_int_equal(tls_scene_pump(self, 1), DORA_OK);
    assert_true(dr_tls_filter_has_plain(self->client));
    assert_int_equal(dr_tls_filter_read(self->client, room, sizeof(room), &got), DORA_ECLOSED);
    assert_false(dr_tls_filter_is_open(self->client));
    assert_int_equal(dr_tls_filter_write(self->server, text_slice("late")), DORA_ECLOSED);
}

static void a_session_is_resumed_and_by_the_next_context_too(void **state)
{
    tls_scene *self = *state;
    dora_error error;
    begin(self, "server", "client");
    talk(self, 1 << 20);
    assert_false(dr_tls_filter_is_resumed(self->server));
    tls_scene_meet(self, NULL, NULL);
    talk(self, 1 << 20);
    assert_true(dr_tls_filter_is_resumed(self->server));
    assert_string_equal(dr_tls_filter_peer_name(self->server), "client.example");

    dr_tls_context *before = self->server_context;
    dr_tls_settings settings = tls_scene_settings(self, "server");
    settings.verify = DR_TLS_VERIFY_OPTIONAL;
    const dora_err err = dr_tls_context_server(&settings, before, &self->server_context, &error);
    if (err == DORA_OK) {
        dr_tls_context_free(before);
    }
    assert_int_equal(err, DORA_OK);
    tls_scene_meet(self, NULL, NULL);
    talk(self, 1 << 20);
    assert_true(dr_tls_filter_is_resumed(self->server));
}

static void a_session_is_not_resumed_with_another_certificate(void **state)
{
    tls_scene *self = *state;
    dora_error error;
    begin(self, "server", NULL);
    talk(self, 1 << 20);
    dr_tls_context *before = self->server_context;
    const dr_tls_settings settings = tls_scene_settings(self, "brief");
    assert_int_equal(dr_tls_context_server(&settings, before, &self->server_context, &error), 0);
    dr_tls_context_free(before);
    tls_scene_meet(self, NULL, NULL);
    talk(self, 1 << 20);
    assert_false(dr_tls_filter_is_resumed(self->server));
}

static void a_session_is_not_resumed_where_others_are_trusted(void **state)
{
    tls_scene *self = *state;
    dora_error error;
    begin(self, "server", "client");
    talk(self, 1 << 20);
    dr_tls_context *before = self->server_context;
    dr_tls_settings settings = tls_scene_settings(self, "server");
    settings.verify = DR_TLS_VERIFY_OPTIONAL;
    settings.ca = unit_folder_path(&self->folder, "other_ca.pem");
    assert_int_equal(dr_tls_context_server(&settings, before, &self->server_context, &error), 0);
    dr_tls_context_free(before);
    tls_scene_meet(self, NULL, NULL);
    assert_int_equal(tls_scene_pump(self, 1 << 20), DORA_EPROTO);
    assert_non_null(strstr(dr_tls_filter_problem(self->server), "unknown CA"));
}

/* Else it would go on for ever, with a new ticket each time. */
static void a_session_is_not_resumed_where_a_certificate_has_expired(void **state)
{
    tls_scene *self = *state;
    begin(self, "server", "brief");
    talk(self, 1 << 20);
    ahead_s = TLS_SCENE_BRIEF_S + 1;
    tls_scene_meet(self, NULL, NULL);
    assert_int_equal(tls_scene_pump(self, 1 << 20), DORA_EPROTO);
    assert_string_equal(dr_tls_filter_problem(self->server), "the peer's certificate has expired");

    close_scene(self);
    memset(self, 0, sizeof(*self));
    begin(self, "brief", NULL);
    talk(self, 1 << 20);
    ahead_s = TLS_SCENE_BRIEF_S + 1;
    tls_scene_meet(self, NULL, NULL);
    assert_int_equal(tls_scene_pump(self, 1 << 20), DORA_EPROTO);
    assert_string_equal(dr_tls_filter_problem(self->client), "the peer's certificate has expired");
}

static void a_record_that_is_not_whole_yet_is_known_and_counted(void **state)
{
    tls_scene *self = *state;
    char room[8];
    size_t got = 0;
    begin(self, "server", NULL);
    talk(self, 1 << 20);
    assert_false(dr_tls_filter_is_amid(self->server));
    assert_int_equal(dr_tls_filter_write(self->client, text_slice("hello")), DORA_OK);
    while (dr_tls_filter_output(self->client).len > 1) {
        const dora_slice next = {dr_tls_filter_output(self->client).data, 1};
        assert_int_equal(dr_tls_filter_feed(self->server, next), DORA_OK);
        dr_tls_filter_sent(self->client, 1);
        assert_int_equal(dr_tls_filter_read(self->server, room, sizeof(room), &got), DORA_EAGAIN);
        assert_true(dr_tls_filter_is_amid(self->server));
        assert_true(dr_tls_filter_held(self->server) >= DR_TLS_RECORD_BYTES);
    }
    assert_int_equal(tls_scene_pump(self, 1), DORA_OK);
    assert_read(self->server, "hello");
    assert_false(dr_tls_filter_is_amid(self->server));
    assert_int_equal(dr_tls_filter_held(self->server), 0);
}

static void the_peer_has_the_first_name_of_its_certificate(void **state)
{
    tls_scene *self = *state;
    begin(self, "server", "client");
    assert_string_equal(dr_tls_filter_peer_name(self->server), "");
    talk(self, 1 << 20);
    assert_string_equal(dr_tls_filter_peer_name(self->server), "client.example");
    assert_string_equal(dr_tls_filter_peer_name(self->client), "localhost");
}

static void assert_refused(tls_scene *self, const char *server, const char *client,
                           const char *at_server, const char *at_client)
{
    begin(self, server, client);
    const dora_err err = tls_scene_pump(self, 3);
    char room[8];
    size_t got;
    (void)dr_tls_filter_read(self->client, room, sizeof(room), &got);
    const bool says = strstr(dr_tls_filter_problem(self->server), at_server) != NULL &&
                      strstr(dr_tls_filter_problem(self->client), at_client) != NULL;
    if (!says) {
        print_message("server: %s\nclient: %s\n", dr_tls_filter_problem(self->server),
                      dr_tls_filter_problem(self->client));
    }
    assert_int_equal(err, DORA_EPROTO);
    assert_true(says);
    tls_scene_close(self);
    memset(self, 0, sizeof(*self));
}

static void certificates_are_refused_with_the_reason(void **state)
{
    tls_scene *self = *state;
    assert_refused(self, "expired", NULL, "our certificate has expired",
                   "peer's certificate has expired");
    assert_refused(self, "other_host", NULL, "refuses our certificate",
                   "certificate is of elsewhere.example, not of");
    assert_refused(self, "unknown", NULL, "does not know the CA", "unknown CA");
    assert_refused(self, "server", "expired", "peer's certificate has expired",
                   "our certificate has expired");
    assert_refused(self, "server", "unknown", "unknown CA", "does not know the CA");
}

static void a_certificate_that_is_required_must_be_shown(void **state)
{
    tls_scene *self = *state;
    tls_scene_begin(self);
    dr_tls_settings server = tls_scene_settings(self, "server");
    const dr_tls_settings client = tls_scene_settings(self, NULL);
    server.verify = DR_TLS_VERIFY_REQUIRED;
    tls_scene_meet(self, &server, &client);
    char room[8];
    size_t got;
    assert_int_equal(tls_scene_pump(self, 1), DORA_EPROTO);
    assert_string_equal(dr_tls_filter_problem(self->server),
                        "the client showed no certificate, and must");
    assert_int_equal(dr_tls_filter_read(self->client, room, sizeof(room), &got), DORA_EPROTO);
    assert_string_equal(dr_tls_filter_problem(self->client),
                        "the peer wants a certificate, and got none");
    assert_true(dr_tls_filter_is_refused(self->client));
    assert_false(dr_tls_filter_is_refused(self->server));
}

static void another_protocol_is_refused_and_none_is_not(void **state)
{
    tls_scene *self = *state;
    tls_scene_begin(self);
    const dr_tls_settings server = tls_scene_settings(self, "server");
    dr_tls_settings client = tls_scene_settings(self, NULL);
    client.alpn = "h2";
    tls_scene_meet(self, &server, &client);
    assert_int_equal(tls_scene_pump(self, 1), DORA_EPROTO);
    assert_non_null(strstr(dr_tls_filter_problem(self->server), "dora/1"));
    assert_non_null(strstr(dr_tls_filter_problem(self->client), "ALPN"));
    dr_tls_context_free(self->client_context);
    self->client_context = NULL;
    client.alpn = NULL;
    tls_scene_meet(self, &server, &client);
    talk(self, 1 << 20);
}

static void bytes_that_are_not_of_tls_are_named(void **state)
{
    tls_scene *self = *state;
    const char frame[] = {0, 0, 0, 9, 'x'};
    begin(self, "server", NULL);
    assert_int_equal(dr_tls_filter_feed(self->server, text_slice("GET / HTTP/1.1\r\n")),
                     DORA_EPROTO);
    assert_non_null(strstr(dr_tls_filter_problem(self->server), "an HTTP request"));
    assert_int_equal(dr_tls_filter_output(self->server).len, 0);
    tls_scene_meet(self, NULL, NULL);
    assert_int_equal(dr_tls_filter_feed(self->server, (dora_slice){frame, sizeof(frame)}),
                     DORA_EPROTO);
    assert_non_null(strstr(dr_tls_filter_problem(self->server), "plain bytes"));
    assert_int_equal(dr_tls_filter_feed(self->client, (dora_slice){frame, sizeof(frame)}),
                     DORA_EPROTO);
    assert_non_null(strstr(dr_tls_filter_problem(self->client), "does not speak TLS"));
}

static void a_record_that_was_changed_ends_the_connection(void **state)
{
    tls_scene *self = *state;
    char record[64];
    size_t got = 0;
    begin(self, "server", NULL);
    assert_int_equal(tls_scene_pump(self, 1 << 20), DORA_OK);
    assert_int_equal(dr_tls_filter_write(self->client, text_slice("pay 10")), DORA_OK);
    const dora_slice sent = dr_tls_filter_output(self->client);
    assert_in_range(sent.len, 10, sizeof(record));
    memcpy(record, sent.data, sent.len);
    record[8] ^= 1;
    assert_int_equal(dr_tls_filter_feed(self->server, (dora_slice){record, sent.len}), DORA_OK);
    char room[64];
    assert_int_equal(dr_tls_filter_read(self->server, room, sizeof(room), &got), DORA_EPROTO);
    assert_int_equal(got, 0);
    assert_false(dr_tls_filter_is_open(self->server));
    assert_true(dr_tls_filter_output(self->server).len > 0); /* an alert */
}

static void assert_fault(dr_tls_settings settings, const char *says)
{
    dora_error error = {0};
    dr_tls_context *context = NULL;
    const dora_err err = dr_tls_context_server(&settings, NULL, &context, &error);
    dr_tls_context_free(context);
    if (err != DORA_EINVAL || strstr(error.msg, says) == NULL) {
        fail_msg("%s: %s", dora_err_name(err), error.msg);
    }
}

static void files_that_cannot_be_taken_are_named_with_the_reason(void **state)
{
    tls_scene *self = *state;
    tls_scene_begin(self);
    const dr_tls_settings good = tls_scene_settings(self, "server");
    dr_tls_settings bad = good;
    bad.cert = "/nowhere/cert.pem";
    assert_fault(bad, "/nowhere/cert.pem: No such file or directory");
    bad = good;
    bad.cert = good.key;
    assert_fault(bad, "server.key: has no certificate in it");
    bad = good;
    bad.key = unit_folder_path(&self->folder, "client.key");
    assert_fault(bad, "client.key: is not the key of the certificate in");
    bad = good;
    bad.key = good.cert;
    assert_int_equal(chmod(good.cert, 0600), 0);
    assert_fault(bad, "server.pem: has no key in it");
    bad = good;
    bad.ca = self->folder.path;
    assert_fault(bad, "is no file");
    bad = good;
    bad.crl = good.ca;
    assert_fault(bad, "ca.pem: has no list of revoked certificates in it");
    bad = good;
    bad.verify = DR_TLS_VERIFY_REQUIRED;
    bad.ca = NULL;
    assert_fault(bad, "without a ca");
    assert_int_equal(chmod(good.key, 0644), 0);
    assert_fault(good, "server.key: others than its owner may read this key (mode 0644)");
}

static void an_expired_certificate_is_taken_with_a_remark(void **state)
{
    tls_scene *self = *state;
    begin(self, "expired", NULL);
    assert_non_null(strstr(dr_tls_context_remark(self->server_context), "has expired"));
    assert_string_equal(dr_tls_context_remark(self->client_context), "");
}

/* Where the library's own system would have them there is nothing: it came here in a wheel. */
static void authorities_are_found_where_other_systems_have_them(void **state)
{
    tls_scene *self = *state;
    tls_scene_begin(self);
    const char *there = unit_folder_path(&self->folder, "ca.pem");
    const char *const none[] = {"/nowhere/cert.pem", "/nowhere/certs", NULL};
    const char *const some[] = {"/nowhere/ca-bundle.crt", there, NULL};
    assert_string_equal(dr_tls_trust_other(none, some), there);
    assert_null(dr_tls_trust_other(some, some)); /* OpenSSL finds them by itself */
    assert_null(dr_tls_trust_other(none, none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(tls_scene, bytes_go_both_ways_in_pieces_of_any_size),
        unit_in(tls_scene, a_handshake_may_be_cut_anywhere),
        unit_in(tls_scene, many_bytes_come_as_they_went),
        unit_in(tls_scene, what_is_written_before_the_handshake_is_not_taken),
        unit_in(tls_scene, a_ticket_is_no_bytes_and_a_goodbye_is_an_end),
        unit_in(tls_scene, a_session_is_resumed_and_by_the_next_context_too),
        unit_in(tls_scene, a_session_is_not_resumed_with_another_certificate),
        unit_in(tls_scene, a_session_is_not_resumed_where_others_are_trusted),
        unit_in(tls_scene, a_session_is_not_resumed_where_a_certificate_has_expired),
        unit_in(tls_scene, a_record_that_is_not_whole_yet_is_known_and_counted),
        unit_in(tls_scene, the_peer_has_the_first_name_of_its_certificate),
        unit_in(tls_scene, certificates_are_refused_with_the_reason),
        unit_in(tls_scene, a_certificate_that_is_required_must_be_shown),
        unit_in(tls_scene, another_protocol_is_refused_and_none_is_not),
        unit_in(tls_scene, bytes_that_are_not_of_tls_are_named),
        unit_in(tls_scene, a_record_that_was_changed_ends_the_connection),
        unit_in(tls_scene, files_that_cannot_be_taken_are_named_with_the_reason),
        unit_in(tls_scene, an_expired_certificate_is_taken_with_a_remark),
        unit_in(tls_scene, authorities_are_found_where_other_systems_have_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
