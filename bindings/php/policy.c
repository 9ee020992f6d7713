/* policy.c: what php.ini forbids programs: files outside open_basedir, disabled functions. */
#include "policy.h"

#include "zend_exceptions.h"

#include "exception.h"

dora_err php_dora_policy_file(const char *path, dora_error *error)
{
    if (php_check_open_basedir_ex(path, false) == 0) {
        return DORA_OK;
    }
    return dora_error_set(error, DORA_EINVAL,
                          "open_basedir restriction in effect: %s is not within the allowed "
                          "path(s): %s",
                          path, PG(open_basedir));
}

bool php_dora_policy_programs(const char *door)
{
    if (zend_hash_str_exists(CG(function_table), ZEND_STRL("proc_open"))) {
        return true;
    }
    zend_throw_exception_ex(php_dora_exception_ce, 0,
                            "%s starts processes, and disable_functions names proc_open: take it "
                            "out for this program (php -d disable_functions= FILE), or start it "
                            "by `dora serve FILE`",
                            door);
    return false;
}
