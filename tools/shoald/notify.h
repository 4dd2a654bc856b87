/* notify.h -- tells the service manager that started the server how it is: sd_notify(3)'s protocol, which is one datagram
 * of lines to the socket that NOTIFY_SOCKET names. Where nobody wants to know, nothing is done. */
#ifndef SHOALD_NOTIFY_H
#define SHOALD_NOTIFY_H

#include <stdint.h>

/* Before threads start: reads the environment, once. */
void notify_open(void);
/* "READY=1\nSTATUS=..." */
void notify_say(const char *lines);
/* How often the manager wants to hear WATCHDOG=1, in ms; 0: never. */
uint64_t notify_watchdog_ms(void);

#endif
