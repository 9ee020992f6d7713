/* dora.h: everything Dora promises, in one include. */
#ifndef DORA_DORA_H
#define DORA_DORA_H

#include <dora/client.h>
#include <dora/client_uv.h>
#include <dora/error.h>
#include <dora/handler.h>
#include <dora/monitor.h>
#include <dora/mux.h>
#include <dora/nodes.h>
#include <dora/priority.h>
#include <dora/runtime.h>
#include <dora/server.h>
#include <dora/value.h>
#include <dora/version.h>
#include <dora/wire.h>

#endif
