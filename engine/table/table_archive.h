/* table_archive.h -- the sections that a table is written as; the layout is at the top of table_archive.c. */
#ifndef SH_TABLE_ARCHIVE_H
#define SH_TABLE_ARCHIVE_H

#define TABLE_SECTION   "table"
#define TABLE_IDS       "ids"
#define TABLE_ATTRIBUTE "attribute"
#define TABLE_TAGS      "tags"
#define TABLE_TIMERS    "timers"

/* What is written. All versions from 1 on are read. */
enum {
    TABLE_VERSION = 1,
    TABLE_IDS_VERSION = 1,
    TABLE_ATTRIBUTE_VERSION = 1,
    TABLE_TAGS_VERSION = 1,
    TABLE_TIMERS_VERSION = 1,
};

#endif
