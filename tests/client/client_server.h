/* client_server.h -- a server for the client's tests that does what a test says, well or badly.
 *
 * One thread, one connection after another. Each request is given to the test's handler, which writes what it likes
 * into `output` and says how to go on. hello is answered by itself unless the handler wants it.
 */
#ifndef CLIENT_SERVER_H
#define CLIENT_SERVER_H

#include <pthread.h>

#include "buffer.h"
#include "frame.h"

enum next_step {
    GO_ON,
    SEND_AND_COME_BACK, /* send the output, then handle the same request once more */
    SEND_AND_CLOSE,     /* send the output, then close the connection */
    CLOSE_NOW           /* close without sending */
};

struct client_server {
    /* connection and request are counted from 0; hello is no request. */
    enum next_step (*handle)(struct client_server *server, uint32_t connection, uint32_t request,
                             const struct sh_frame *frame, struct sh_buffer *output);
    bool handles_hello;
    char address[64];
    int listening;
    pthread_t thread;
    uint32_t connection_count; /* read after client_server_stop */
    uint32_t request_count;
    void *context;
};

void client_server_start(struct client_server *server);
void client_server_stop(struct client_server *server);
/* {number: n, took_us: 1} as the answer to this frame. */
void client_server_answer(struct sh_buffer *output, const struct sh_frame *frame, int64_t number);

#endif
