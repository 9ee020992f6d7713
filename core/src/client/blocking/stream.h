/* stream.h: the streams of a client that goes. */
#ifndef DR_CLIENT_STREAM_H
#define DR_CLIENT_STREAM_H

#include <dora/client.h>

/* dr_client_cut_streams ends those that go on: who asks one for its next word is told, and frees
 * it. Thread: nobody else uses the client or one of them. */
void dr_client_cut_streams(dora_client *client);

#endif
