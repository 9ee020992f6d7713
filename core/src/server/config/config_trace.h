/* config_trace.h: where the spans of calls go, and as whose. */
#ifndef DR_SERVER_CONFIG_TRACE_H
#define DR_SERVER_CONFIG_TRACE_H

#include "server/config/config_take.h"
#include "server/spans/spans.h"

/* dr_trace_endpoint_set takes an http: or https: URL; one without a path gets OTLP's. `text` NULL:
 * there is none. Errors: DORA_EINVAL, DORA_ENOMEM; both say what the value must be. */
dora_err dr_trace_endpoint_set(dr_config *config, const char *text, dora_error *error);

/* dr_trace_target is what the configuration says. Ownership: borrows from it. */
dr_spans_target dr_trace_target(const dr_config *config);

/* dr_config_trace_keys is what stands below `trace`. */
extern const dr_key dr_config_trace_keys[];

#endif
