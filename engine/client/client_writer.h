/* client_writer.h -- what stands behind struct shoal_client_writer. */
#ifndef SH_CLIENT_WRITER_H
#define SH_CLIENT_WRITER_H

#include "bounds.h"
#include "buffer.h"
#include "shoal/client.h"

struct shoal_client_writer {
    struct sh_buffer buffer; /* at most SH_FRAME_BYTES_MAX: the server takes no more */
};

#endif
