/* unit_folder.c: a folder of a test, removed with all that is in it. */
#include "unit_folder.h"

#include <ftw.h>
#include <sys/stat.h>

void unit_folder_make(unit_folder *self)
{
    snprintf(self->path, sizeof self->path, "/tmp/dora-test-XXXXXX");
    assert_non_null(mkdtemp(self->path));
}

static int remove_it(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    (void)at;
    (void)remove(path);
    return 0;
}

void unit_folder_remove(unit_folder *self)
{
    if (self->path[0] != '\0') {
        (void)nftw(self->path, remove_it, 8, FTW_DEPTH | FTW_PHYS);
    }
    self->path[0] = '\0';
}

const char *unit_folder_path(const unit_folder *self, const char *name)
{
    static char paths[8][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, PATH_MAX, "%s/%s", self->path, name);
    return path;
}

void unit_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        fail_msg("cannot write %s", path);
    }
    bool is_written = fputs(text, file) >= 0;
    is_written = fclose(file) == 0 && is_written;
    assert_true(is_written);
}

void unit_replace(const char *path, const char *text)
{
    char beside[PATH_MAX];
    snprintf(beside, sizeof beside, "%s.new", path);
    unit_write(beside, text);
    assert_int_equal(rename(beside, path), 0);
}

void unit_read(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        fail_msg("cannot read %s", path);
    }
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}
