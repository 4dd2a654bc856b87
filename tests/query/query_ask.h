/* query_ask.h -- questions to the little shop of query_shop.h, and what is written into it, for unit tests. Every
 * answer is taken four ways that must agree: block by block, counted, row by row, and from kept counts where there are
 * any.
 */
#ifndef QUERY_ASK_H
#define QUERY_ASK_H

#include "query_plan.h"
#include "query_shop.h"

extern struct query_shop shop;

void open_shop(void);
void open_london_shop(void);
void close_shop(void);
struct sh_plan *plan_of(const char *text, const struct sh_query_scope *scope);
uint64_t count_of(struct sh_plan *plan);
const char *run_plan(struct sh_plan *plan);
const char *ask(const char *text);
uint32_t user(const char *id);
void set(const char *id, const char *attribute, int64_t value);
void set_text(const char *id, const char *attribute, const char *text);
void set_date(const char *id, const char *attribute, int32_t year, int32_t month, int32_t day);
void tag(const char *id, const char *text);
int64_t instant(const char *text);
struct sh_event event_of(const char *id, const char *type, const char *time);
void append(const struct sh_event *event);
void viewed(const char *id, const char *time);
void bought(const char *id, const char *time, int64_t cents);
void bought_quantity(const char *id, const char *time, int64_t quantity);

/* The ids that match, in the order of slots, with a blank after each. */
#define ANSWERS(text, expected) cr_expect_str_eq(ask(text), expected, "%s: %s", text, ask(text))

#endif
