/* row_contact.h -- what a row of users says of consent and suppression, by the rules of contact.h. */
#ifndef SH_ROW_CONTACT_H
#define SH_ROW_CONTACT_H

#include "row_reader.h"

/* Of the row that was read, before it is applied: words that came too late are taken out, those without a time get one.
 * A row that cannot be so is refused. */
SH_MUST_CHECK enum sh_status sh_row_contact_settle(struct sh_row_reader *reader, struct sh_error *err);

#endif
