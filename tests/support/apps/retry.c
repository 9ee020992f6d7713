/* retry.c: one call by the client in C: ADDRESS 0|1 NAME FILE GATE; prints its code. */
#include <stdio.h>
#include <string.h>

#include <dora/dora.h>

static void write_text(dora_writer *writer, const char *text)
{
    dora_write_string(writer, text, strlen(text));
}

int main(int argc, char **argv)
{
    dora_error error = {.code = 0};
    dora_client *client = NULL;
    dora_answer *answer = dora_answer_new();
    dora_writer *writer = dora_writer_new(1u << 16);
    dora_slice param;
    if (argc != 6 || answer == NULL || writer == NULL) {
        return 2;
    }
    const dora_client_options options = {.size = sizeof options,
                                         .nodes = argv[1],
                                         .timeout_ms = 20000,
                                         .retry = strcmp(argv[2], "0") != 0};
    dora_write_array(writer, 2);
    write_text(writer, "file");
    write_text(writer, argv[4]);
    write_text(writer, "until");
    write_text(writer, argv[5]);
    dora_write_end(writer);
    dora_err err = dora_writer_finish(writer, &param);
    if (err == DORA_OK) {
        err = dora_client_new(&client, &options, &error);
    }
    if (err == DORA_OK) {
        const dora_call call = {
            .key = {"one", 3}, .name = {argv[3], strlen(argv[3])}, .param = param};
        err = dora_client_call(client, &call, NULL, answer, &error);
    }
    const dora_result *result = err == DORA_OK ? dora_answer_result(answer, 0) : NULL;
    printf("%lld\n", (long long)(result != NULL ? result->code : error.code));
    dora_client_free(client);
    dora_answer_free(answer);
    dora_writer_free(writer);
    return 0;
}
