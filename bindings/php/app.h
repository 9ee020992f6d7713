/* app.h: Dora\App: handlers by name, and hooks. */
#ifndef PHP_DORA_APP_H
#define PHP_DORA_APP_H

#include "handler.h"

extern zend_class_entry *php_dora_app_ce;

/* php_dora_app is the object behind Dora\App. The tables own their handlers. */
struct php_dora_app {
    zval encode;        /* what has no place on the wire to something that has; UNDEF: none */
    HashTable handlers; /* name -> handler; the empty name is the fallback */
    HashTable starts;   /* a list of handlers */
    HashTable stops;
    HashTable middleware;    /* a list of handlers, outermost first */
    pid_t started;           /* the process in which call() has run the start hooks; 0: none */
    zend_object *rpc_server; /* the DoraRPC\BackEndServer that it serves; its fallback holds it */
    zend_object std;
};

/* php_dora_app_init_class sets the class's handlers, once, when the module starts. */
void php_dora_app_init_class(void);

/* php_dora_app_of gives the application behind an object of the class. */
php_dora_app *php_dora_app_of(zend_object *object);

/* php_dora_app_choose makes `app` what this zygote serves: it is kept until the process ends. */
void php_dora_app_choose(php_dora_app *app);

/* php_dora_app_is_open says whether handlers may still be added and the server started. Returns:
 * false with an exception raised. */
bool php_dora_app_is_open(void);

/* php_dora_app_serve is what run() and start() do in a process that a server started: it serves
 * `app`, or ends the file that is being loaded. Returns: true when it did; an exit is then under
 * way. false: this process is to become the master. */
bool php_dora_app_serve(php_dora_app *app);

/* php_dora_app_finish ends run() and start() in the master: by exit() when `status` is not 0.
 * Returns: false with an exception or that exit raised. */
bool php_dora_app_finish(int status);

/* php_dora_app_hooks runs hooks in turn until one raises an exception. */
void php_dora_app_hooks(HashTable *hooks, uint32_t worker);

/* php_dora_app_close runs the stop hooks, where call() has run the start hooks in this process. */
void php_dora_app_close(php_dora_app *app);

/* php_dora_app_of_method makes an application whose only handler, for all names, is one method of
 * an object, by its name in small letters. Ownership: gives it, as an object of the class. */
php_dora_app *php_dora_app_of_method(zend_object *object, const char *method);

#endif
