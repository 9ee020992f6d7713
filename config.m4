dnl config.m4: builds the PHP extension "dora": the whole core and bindings/php in one module.

PHP_ARG_ENABLE([dora],
  [whether to enable Dora],
  [AS_HELP_STRING([--enable-dora], [Enable the Dora client and server])],
  [yes])

if test "$PHP_DORA" != "no"; then
  dnl What is missing or too old is said in the words of CMakeLists.txt and setup.py.
  dora_wrong=
  dora_refuse()
  {
    dora_wrong="$dora_wrong
  $1"
  }

  dnl Building inside PHP's own sources has no php-config.
  if test -n "$PHP_CONFIG"; then
    dora_php=`$PHP_CONFIG --vernum`
    if test "$dora_php" -lt 80100; then
      dora_php=`$PHP_CONFIG --version`
      dora_refuse "PHP $dora_php is too old: Dora needs 8.1 or newer (Debian's package php-dev)"
    fi
  fi
  AC_COMPILE_IFELSE([AC_LANG_SOURCE([[char has_64_bits[sizeof(void *) == 8 ? 1 : -1];]])], [],
    [dora_refuse "$CC makes programs of 32 bits: Dora needs 64"])

  dnl One list of the libraries, shared with CMake and setup.py.
  PKG_PROG_PKG_CONFIG
  if test -z "$PKG_CONFIG"; then
    dora_needed="Dora finds its libraries by it"
    dora_refuse "pkg-config is missing: $dora_needed (Debian's package pkg-config)"
  else
    dora_names=
    while read dora_name dora_oldest dora_package; do
      case $dora_name in
      ''|\#*) continue ;;
      esac
      dora_names="$dora_names $dora_name"
      dora_needed="Dora needs $dora_oldest or newer"
      dora_found=`$PKG_CONFIG --modversion $dora_name 2>/dev/null`
      if test -z "$dora_found"; then
        dora_needed="$dora_needed, with its headers"
        dora_refuse "$dora_name is missing: $dora_needed (Debian's package $dora_package)"
      elif ! $PKG_CONFIG --atleast-version=$dora_oldest $dora_name; then
        dora_found="$dora_name $dora_found"
        dora_refuse "$dora_found is too old: $dora_needed (Debian's package $dora_package)"
      fi
    done <"$abs_srcdir/core/libraries.txt"
  fi
  if test -n "$dora_wrong"; then
    AC_MSG_ERROR([Dora cannot be built here:$dora_wrong])
  fi
  DORA_CFLAGS=`$PKG_CONFIG --cflags $dora_names`
  DORA_LIBS=`$PKG_CONFIG --libs $dora_names`
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
    client_stream.c
    clients.c
    convert.c
    exception.c
    fault.c
    faults.c
    fork.c
    handler.c
    ini.c
    interrupt.c
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
    tls.c
    typed.c
    typed_date.c
    typed_doc.c
    typed_make.c
    typed_plan.c
    typed_schema.c
    typed_show.c
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

  for dora_dir in `for f in $dora_sources; do dirname $f; done | sort -u`; do
    PHP_ADD_BUILD_DIR([$ext_builddir/$dora_dir])
  done
fi
