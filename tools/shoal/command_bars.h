/* command_bars.h -- small things of the commands that show what audiences are like. */
#ifndef SHOAL_COMMAND_BARS_H
#define SHOAL_COMMAND_BARS_H

#include "command.h"

/* "12.34 %" */
const char *print_percent(double share, char room[32]);
int64_t get_integer(struct shoal_client_value map, const char *key);

#endif
