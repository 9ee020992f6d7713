dnl config.m4: builds the PHP extension "dora": the whole core and bindings/php in one module.

PHP_ARG_ENABLE([dora],
  [whether to enable Dora],
  [AS_HELP_STRING([--enable-dora], [Enable the Dora client and server])],
  [yes])

if test "$PHP_DORA" != "no"; then
  dnl Building inside PHP's own sources has no php-config.
  if test -n "$PHP_CONFIG"; then
    dora_php=`$PHP_CONFIG --vernum`
    if test "$dora_php" -lt 80100; then
      dora_php=`$PHP_CONFIG --version`
      AC_MSG_ERROR([Dora needs PHP 8.1 or newer; $dora_php is too old])
    fi
  fi
  dnl One list of the libraries, shared with CMake and setup.py.
  dora_libraries=`$SED -n -e 's/^\(@<:@a-z@:>@*\) \(@<:@0-9.@:>@*\) .*/\1 >= \2/p' \
    "$abs_srcdir/core/libraries.txt"`
  PKG_CHECK_MODULES([DORA], [$dora_libraries])
  PHP_EVAL_INCLINE($DORA_CFLAGS)
  PHP_EVAL_LIBLINE($DORA_LIBS, DORA_SHARED_LIBADD)
  PHP_ADD_LIBRARY(pthread,, DORA_SHARED_LIBADD)
  PHP_ADD_LIBRARY(m,, DORA_SHARED_LIBADD)
  PHP_SUBST(DORA_SHARED_LIBADD)

  dnl One list of the core's files, shared with CMake and setup.py.
  dora_core=`$SED -e 's/#.*//' "$abs_srcdir/core/sources.txt"`
  dora_binding="
    alone.c
    app.c
    calls.c
    chain.c
    client.c
    client_results.c
    clients.c
    convert.c
    exception.c
    fault.c
    faults.c
    fork.c
    handler.c
    ini.c
    invoke.c
    load.c
    master.c
    nodes.c
    options.c
    output.c
    php_dora.c
    plain.c
    policy.c
    programs.c
    request.c
    reset.c
    reset_globals.c
    reset_ini.c
    reset_modules.c
    reset_process.c
    reset_standard.c
    reset_streams.c
    rpc_call.c
    rpc_client.c
    rpc_common.c
    rpc_log.c
    rpc_monitor.c
    rpc_packet.c
    rpc_redis.c
    rpc_server.c
    rpc_server_config.c
    rpc_server_discovery.c
    rpc_server_object.c
    rpc_server_older.c
    rpc_server_pids.c
    rpc_server_settings.c
    runtime.c
    summary.c
    typed.c
    typed_date.c
    typed_doc.c
    typed_make.c
    typed_plan.c
    typed_schema.c
    typed_uses.c
    wait.c
    warnings.c
    watch.c
    wire.c
  "
  dora_sources=`for f in $dora_binding; do echo bindings/php/$f; done; echo $dora_core`
  dora_sources=`echo $dora_sources`
  dora_flags="-D_GNU_SOURCE -fvisibility=hidden -DZEND_ENABLE_STATIC_TSRMLS_CACHE=1"
  dora_flags="$dora_flags -I@ext_srcdir@/core/include -I@ext_srcdir@/core/src"

  dnl A thread-safe PHP is compiled with -D_REENTRANT, by which a structure of its headers has
  dnl another layout, and does not tell extensions.
  if test "$PHP_THREAD_SAFETY" = "yes"; then
    dora_flags="$dora_flags -D_REENTRANT"
  fi

  PHP_NEW_EXTENSION(dora, $dora_sources, $ext_shared,, $dora_flags)
  PHP_ADD_MAKEFILE_FRAGMENT([$ext_srcdir/bindings/php/Makefile.frag])

  for dora_dir in `for f in $dora_sources; do dirname $f; done | sort -u`; do
    PHP_ADD_BUILD_DIR([$ext_builddir/$dora_dir])
  done
fi
