/* tls_scene.h: certificates of a test's own, and two filters that talk to each other. */
#ifndef TLS_SCENE_H
#define TLS_SCENE_H

#include "tls/filter.h"
#include "unit.h"
#include "unit_folder.h"

#define TLS_SCENE_BRIEF_S 1000 /* sessions last longer */

/* tls_scene has files in a folder: ca.pem, other_ca.pem, and NAME.pem with NAME.key for server and
 * client (of ca), expired, brief (which expires in TLS_SCENE_BRIEF_S), other_host (of ca), unknown
 * (of other_ca). */
typedef struct tls_scene {
    unit_folder folder;
    dr_tls_context *server_context;
    dr_tls_context *client_context;
    dr_tls_filter *server;
    dr_tls_filter *client;
} tls_scene;

void tls_scene_begin(tls_scene *self);
void tls_scene_close(tls_scene *self);

/* tls_scene_settings: a certificate's files, trusting ca; NULL: none. Paths last as those of
 * unit_folder_path do: of two settings at a time. */
dr_tls_settings tls_scene_settings(tls_scene *self, const char *name);

/* tls_scene_meet makes both contexts where there are none, and both filters. */
void tls_scene_meet(tls_scene *self, const dr_tls_settings *server, const dr_tls_settings *client);

/* tls_scene_pump carries what both have to send, `piece` bytes at a time, until neither has any.
 * Returns: DORA_OK, or the first error of a feed. */
dora_err tls_scene_pump(tls_scene *self, size_t piece);

#endif
