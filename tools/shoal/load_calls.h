/* load_calls.h -- calls that stand in a file beside a mapping: what of a shop is no row.
 *
 *   {"method":"segment.put","params":{"name":"vip","where":"tier = 'gold'"}}     before the rows
 *   {"method":"rfm.refresh","params":{"now":1772323800000},"after":true}         behind them
 *
 * A segment may use one that stands further down: what is refused is tried again as long as any other call of the round
 * was done. Doing them all twice changes nothing.
 */
#ifndef SHOAL_LOAD_CALLS_H
#define SHOAL_LOAD_CALLS_H

#include "mapping.h"
#include "shoal/client.h"

/* folder as load_list_files has it. A mapping without calls is fine. SH_ERR_CONFLICT: one is refused for good. */
SH_MUST_CHECK enum sh_status load_calls(struct shoal_client *client, const struct mapping *mapping,
                                        const char *mapping_path, const char *folder, bool is_after,
                                        struct sh_error *err);

#endif
