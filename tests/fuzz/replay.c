/* replay.c: runs one fuzz target over files, or over all files of folders, without a fuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PATH_LEN_MAX 4096

/* The bytes are copied to a block of exactly their size, so that a sanitizer sees each overrun. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    struct stat info;
    uint8_t *data = NULL;
    int status = -1;
    if (fstat(fileno(file), &info) == 0) {
        size_t size = (size_t)info.st_size;
        data = malloc(size > 0 ? size : 1);
        if (data != NULL && fread(data, 1, size, file) == size) {
            LLVMFuzzerTestOneInput(data, size);
            status = 1;
        }
    }
    free(data);
    fclose(file);
    return status;
}

/* Returns: how many files ran, -1 on failure. */
static int replay_folder(const char *path)
{
    DIR *folder = opendir(path);
    int count = 0;
    if (folder == NULL) {
        perror(path);
        return -1;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char name[PATH_LEN_MAX];
        if (entry->d_name[0] == '.') {
            continue;
        }
        int len = snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (len < 0 || (size_t)len >= sizeof(name) || replay_file(name) < 0) {
            count = -1;
            break;
        }
        count++;
    }
    closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        struct stat info;
        int count = -1;
        if (stat(argv[i], &info) == 0) {
            count = S_ISDIR(info.st_mode) ? replay_folder(argv[i]) : replay_file(argv[i]);
        } else {
            perror(argv[i]);
        }
        if (count <= 0) {
            fprintf(stderr, "%s: nothing could be replayed\n", argv[i]);
            return 1;
        }
        total += count;
    }
    printf("%d inputs replayed\n", total);
    return total > 0 ? 0 : 1;
}
