/* gearman_worker.c: a Gearman worker in C: gearman_worker PORT NAME REPLY-BYTES */
#include <libgearman/gearman.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *data;
static size_t data_len;

static gearman_return_t get(gearman_job_st *job, void *user)
{
    (void)user;
    return gearman_job_send_complete(job, data, data_len);
}

int main(int argc, char **argv)
{
    gearman_worker_st *worker = gearman_worker_create(NULL);
    if (argc < 4 || worker == NULL) {
        fprintf(stderr, "usage: gearman_worker PORT NAME REPLY-BYTES\n");
        return 2;
    }
    data_len = strtoul(argv[3], NULL, 10);
    data = malloc(data_len);
    if (data == NULL) {
        return 1;
    }
    memset(data, 'x', data_len);
    const in_port_t port = (in_port_t)strtoul(argv[1], NULL, 10);
    gearman_return_t status = gearman_worker_add_server(worker, "127.0.0.1", port);
    if (status == GEARMAN_SUCCESS) {
        status = gearman_worker_define_function(worker, argv[2], strlen(argv[2]),
                                                gearman_function_create(get), 0, NULL);
    }
    while (status == GEARMAN_SUCCESS) {
        status = gearman_worker_work(worker);
    }
    fprintf(stderr, "gearman_worker: %s\n", gearman_worker_error(worker));
    return 1;
}
