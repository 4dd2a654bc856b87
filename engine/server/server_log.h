/* server_log.h -- one line on standard error for each thing worth knowing, with the time in UTC.
 *
 * Never the contents of requests, and no ids of people. Any thread; a line is written with one call, so lines do not
 * mix.
 */
#ifndef SH_SERVER_LOG_H
#define SH_SERVER_LOG_H

#include "text.h"

enum sh_log_level { SH_LOG_ERROR, SH_LOG_WARN, SH_LOG_INFO, SH_LOG_DEBUG };

/* A line of text, or {"time": ..., "level": ..., "message": ...} in one. */
enum sh_log_form { SH_LOG_TEXT, SH_LOG_JSON };

/* Any thread, at any time. */
void sh_log_set_level(enum sh_log_level level);
void sh_log_set_form(enum sh_log_form form);
/* "text", "json". SH_ERR_ARGUMENT for other words. */
SH_MUST_CHECK enum sh_status sh_log_form_parse(const char *word, enum sh_log_form *form, struct sh_error *err);
/* "error", "warn", "info", "debug". SH_ERR_ARGUMENT for other words. */
SH_MUST_CHECK enum sh_status sh_log_level_parse(const char *word, enum sh_log_level *level, struct sh_error *err);
void sh_log(enum sh_log_level level, const char *format, ...) SH_PRINTF(2, 3);

#endif
