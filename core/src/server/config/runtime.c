/* runtime.c: the table of the languages that pools are written in. */
#include "server/config/runtime.h"

#include <string.h>

/* What a PHP without the extension would say of an unknown function helps nobody. */
#define PHP_ZYGOTE                                                                                 \
    "if (!extension_loaded('dora')) { echo \"this PHP has no extension dora\\n\"; exit(1); } "     \
    "Dora\\zygote();"

static const dr_runtime runtimes[DR_RUNTIME_COUNT] = {
    [DR_RUNTIME_C] = {.name = "c",
                      .ending = ".so",
                      .memory_mb_min = 16,
                      .mend = "the program that runs this server must be there to be started "
                              "again"},
    [DR_RUNTIME_PYTHON] = {.name = "python",
                           .ending = ".py",
                           .memory_mb_min = 48,
                           .program = "python3",
                           .program_variable = "DORA_PYTHON",
                           .words = {"-m", "dora", "zygote"},
                           .mend = "install Dora for this Python (`pip install .` in its "
                                   "environment), or name one that has it by DORA_PYTHON or the "
                                   "pool's \"interpreter\"",
                           .has_modules = true,
                           .has_loops = true},
    [DR_RUNTIME_PHP] = {.name = "php",
                        .ending = ".php",
                        .memory_mb_min = 32,
                        .program = "php",
                        .program_variable = "DORA_PHP",
                        .extension_variable = "DORA_PHP_EXTENSION",
                        .words = {"-r", PHP_ZYGOTE},
                        .mend = "load Dora into this PHP by extension=dora in its php.ini, or name "
                                "the module by DORA_PHP_EXTENSION or the pool's \"extension\", "
                                "another PHP by DORA_PHP or the pool's \"interpreter\""},
};

const dr_runtime *dr_runtime_of(dr_runtime_kind kind)
{
    return &runtimes[kind];
}

dr_runtime_kind dr_runtime_find(const char *name)
{
    dr_runtime_kind kind = DR_RUNTIME_C;
    while (kind < DR_RUNTIME_COUNT && strcmp(runtimes[kind].name, name) != 0) {
        kind++;
    }
    return kind;
}
