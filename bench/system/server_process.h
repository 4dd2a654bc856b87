/* server_process.h -- for benchmarks over the wire: a server in a process of its own, on a processor of its own.
 *
 * All of these end the program with a message when they fail: a benchmark has no other way to go on.
 */
#ifndef SERVER_PROCESS_H
#define SERVER_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shoal/client.h"

_Noreturn void die(const char *what);
uint64_t clock_ns(void);
/* Processor time that a process has used so far. */
uint64_t used_ns(pid_t process);
/* With one processor all share it. */
void stay_on(size_t processor);
/* A socket on a free port of 127.0.0.1, and its address as text. */
int listen_anywhere(char *address, size_t address_bytes);
/* shoald with one shard on processor 0; it does not outlive this program. With SHOAL_BENCH_DATA=DIR in the environment
 * it keeps what is written in DIR, which should be new. */
pid_t shoald_start(const char *program, char *address, size_t address_bytes);
void shoald_stop(pid_t server);
/* *answer may be NULL. */
void call(struct shoal_client *client, const char *method, const struct shoal_client_writer *params,
          struct shoal_client_answer *answer);

#endif
