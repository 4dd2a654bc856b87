/* command_bars.h -- bars of text and other small things of the commands that show what audiences are like. */
#ifndef SHOAL_COMMAND_BARS_H
#define SHOAL_COMMAND_BARS_H

#include "command.h"

enum { BAR_PLACES = 24, BAR_BYTES = BAR_PLACES * 4 + 1 };

/* As long as share of the places, to an eighth of one; share is 0 to 1. */
const char *print_bar(double share, char room[BAR_BYTES]);
/* "12.34 %" */
const char *print_percent(double share, char room[32]);
int64_t get_integer(struct shoal_client_value map, const char *key);

#endif
