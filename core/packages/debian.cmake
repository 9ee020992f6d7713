# debian.cmake: the .deb packages, for the Debian that they are made on.
#
#     cmake -S . -B out/packages -DDORA_PACKAGES=ON -DCMAKE_INSTALL_PREFIX=/usr
#     cmake --build out/packages && (cd out/packages && cpack)
#
# DEBFULLNAME and DEBEMAIL of the environment say who answers for them.
#
# dora (the program), libdora0, libdora-dev, python3-dora, php-dora. CMakeLists.txt installs what the
# first three have, by components; the extensions are made by their own builds.
if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    message(FATAL_ERROR "DORA_PACKAGES needs -DCMAKE_INSTALL_PREFIX=/usr, not "
                        "${CMAKE_INSTALL_PREFIX}")
endif()
foreach(each php:php-cli phpize:php-dev php-config:php-dev dpkg-shlibdeps:dpkg-dev gzip:gzip)
    string(REPLACE ":" ";" each "${each}")
    list(GET each 0 name)
    list(GET each 1 package)
    find_program(DORA_HAS_${name} ${name})
    mark_as_advanced(DORA_HAS_${name})
    if(NOT DORA_HAS_${name})
        list(APPEND dora_wrong
             "${name} is missing: DORA_PACKAGES needs it (Debian's package ${package})")
    endif()
endforeach()
foreach(name setuptools wheel)
    execute_process(COMMAND /usr/bin/python3 -c "import ${name}" RESULT_VARIABLE status
                    OUTPUT_QUIET ERROR_QUIET)
    if(NOT status EQUAL 0)
        list(APPEND dora_wrong "${name} is missing: DORA_PACKAGES needs it for /usr/bin/python3 \
(Debian's package python3-${name})")
    endif()
endforeach()
if(dora_wrong)
    dora_refuse(${dora_wrong})
endif()

function(dora_say variable)
    execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE said OUTPUT_STRIP_TRAILING_WHITESPACE
                    COMMAND_ERROR_IS_FATAL ANY)
    set(${variable} "${said}" PARENT_SCOPE)
endfunction()

set(here ${CMAKE_CURRENT_LIST_DIR}/debian)
set(made ${CMAKE_CURRENT_BINARY_DIR}/debian)
file(MAKE_DIRECTORY ${made})

# The extension for Python: a wheel has the folders that dist-packages wants.
dora_say(python_version /usr/bin/python3 -c "print('%d.%d' % __import__('sys').version_info[:2])")
string(REPLACE "3." "" python_next "${python_version}")
math(EXPR python_next "${python_next} + 1")
set(python_next "3.${python_next}")
file(WRITE ${made}/python.sh [[
set -eu
cd "$1"
rm -rf "$2/wheel" "$2/python"
/usr/bin/python3 setup.py -q build --build-base "$2/build" bdist_wheel --dist-dir "$2/wheel" \
    --bdist-dir "$2/bdist" >"$2/python.log" 2>&1 || { tail -n 30 "$2/python.log"; exit 1; }
/usr/bin/python3 -m zipfile -e "$2"/wheel/*.whl "$2/python"
rm "$2"/python/*.dist-info/RECORD # dpkg keeps the list
strip --strip-unneeded "$2"/python/dora/*.so
chmod 644 "$2"/python/dora/*.so
]])
add_custom_target(dora_debian_python ALL
                  COMMAND sh ${made}/python.sh ${PROJECT_SOURCE_DIR} ${made})
install(DIRECTORY ${made}/python/ DESTINATION lib/python3/dist-packages COMPONENT python
        FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)

# The extension for PHP, switched on as Debian's own are.
dora_say(php_version php-config --version)
string(REGEX MATCH "^[0-9]+\\.[0-9]+" php_version "${php_version}")
dora_say(php_folder php-config --extension-dir)
get_filename_component(php_api ${php_folder} NAME)
add_custom_target(dora_debian_php ALL
                  COMMAND ${PROJECT_SOURCE_DIR}/bindings/php/build.sh ${made}/php >/dev/null
                  COMMAND strip --strip-unneeded -o ${made}/dora.so ${made}/php/build/modules/dora.so)
file(WRITE ${made}/dora.ini "; priority=20\nextension=dora.so\n")
install(FILES ${made}/dora.so DESTINATION ${php_folder} COMPONENT php)
install(FILES ${made}/dora.ini DESTINATION /etc/php/${php_version}/mods-available COMPONENT php)
install(DIRECTORY bindings/php/stubs/ DESTINATION share/php/dora-stubs COMPONENT php)

# The unit, which nobody switches on, with its user; and the example of a configuration.
file(READ examples/deploy/dora.service unit)
string(REPLACE "/usr/local/bin" "/usr/bin" unit "${unit}")
string(REGEX REPLACE "^#[^\n]*\n#[^\n]*\n#[^\n]*\n" "" unit "${unit}")
string(REGEX REPLACE "Environment=[^\n]*\n" "" unit "${unit}")
string(REPLACE "\n[Service]" "ConditionPathExists=/etc/dora/dora.json\n\n[Service]" unit "${unit}")
file(WRITE ${made}/dora.service "${unit}")
install(FILES ${made}/dora.service DESTINATION lib/systemd/system COMPONENT program)
install(FILES examples/deploy/dora.sysusers.conf DESTINATION lib/sysusers.d RENAME dora.conf
        COMPONENT program)
install(FILES examples/deploy/dora.json DESTINATION share/doc/dora/examples COMPONENT program)
install(DIRECTORY DESTINATION /etc/dora COMPONENT program)

# What every package has below share/doc.
set(maintainer "Dora maintainers <maintainers@example.org>")
if(DEFINED ENV{DEBEMAIL})
    set(maintainer "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
endif()
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
configure_file(${here}/changelog.in ${made}/changelog @ONLY)
execute_process(COMMAND gzip -9nf ${made}/changelog COMMAND_ERROR_IS_FATAL ANY)
set(packages program:dora library:libdora0 development:libdora-dev python:python3-dora php:php-dora)
foreach(each ${packages})
    string(REPLACE ":" ";" each "${each}")
    list(GET each 0 component)
    list(GET each 1 name)
    string(TOUPPER ${component} key)
    set(CPACK_DEBIAN_${key}_PACKAGE_NAME ${name})
    list(APPEND CPACK_COMPONENTS_ALL ${component})
    install(FILES ${here}/copyright ${made}/changelog.gz DESTINATION share/doc/${name}
            COMPONENT ${component})
    file(GLOB scripts ${here}/${name}.*)
    foreach(script ${scripts}) # python3-dora.postinst becomes a folder of its own
        get_filename_component(kind ${script} LAST_EXT)
        string(SUBSTRING ${kind} 1 -1 kind)
        set(mode OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
        if(kind MATCHES "^(post|pre)")
            list(APPEND mode OWNER_EXECUTE GROUP_EXECUTE WORLD_EXECUTE)
        endif()
        configure_file(${script} ${made}/scripts/${name}/${kind} @ONLY)
        file(CHMOD ${made}/scripts/${name}/${kind} PERMISSIONS ${mode})
        list(APPEND CPACK_DEBIAN_${key}_PACKAGE_CONTROL_EXTRA ${made}/scripts/${name}/${kind})
    endforeach()
endforeach()

set(about "Dora lets programs call functions that are written in Python, PHP or C and
run in other processes, on this machine or on many. A server in C takes the
calls and hands them to pools of worker processes.")
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "${maintainer}")
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_CURRENT_BINARY_DIR})
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PROGRAM_DESCRIPTION "serve and call functions in Python, PHP and C\n${about}")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_DEPENDS "libdora0 (= ${PROJECT_VERSION})")
# Spans go to their collector by libcurl, which is loaded where they are wanted.
set(curl "libcurl4t64 | libcurl4")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SUGGESTS "python3-dora, php-dora, ${curl}")
set(CPACK_DEBIAN_LIBRARY_DESCRIPTION
    "client and server of the RPC system Dora, library\n${about}")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION
    "client and server of the RPC system Dora, headers\n${about}")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libdora0 (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_PYTHON_DESCRIPTION
    "client and server of the RPC system Dora, for Python\n${about}")
set(CPACK_DEBIAN_PYTHON_PACKAGE_SECTION python)
set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS
    "python3 (>= ${python_version}~), python3 (<< ${python_next}~)")
set(CPACK_DEBIAN_PYTHON_PACKAGE_RECOMMENDS dora)
set(CPACK_DEBIAN_PYTHON_PACKAGE_SUGGESTS "${curl}")
set(CPACK_DEBIAN_PHP_DESCRIPTION "client and server of the RPC system Dora, for PHP\n${about}")
set(CPACK_DEBIAN_PHP_PACKAGE_SECTION php)
set(CPACK_DEBIAN_PHP_PACKAGE_DEPENDS "phpapi-${php_api}, php-common")
set(CPACK_DEBIAN_PHP_PACKAGE_RECOMMENDS dora)
set(CPACK_DEBIAN_PHP_PACKAGE_SUGGESTS "${curl}")
include(CPack)
