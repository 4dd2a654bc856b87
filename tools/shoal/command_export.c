/* command_export.c -- shoal export: what there is, out of the server into files. */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "export.h"
#include "memory.h"

static const struct what {
    const char *name;
    const char *kind;  /* of its part */
    uint32_t words;    /* behind the name */
    const char *takes; /* options, each with blanks around */
} whats[] = {
    {"audience", "users", 1, " fields order desc now key table separator for "},
    {"segment", "users", 1, " fields order desc now key table separator for "},
    {"users", "users", 0, " fields order desc now key table separator for "},
    {"items", "items", 0, " fields separator "},
    {"events", "events", 0, " types from until now "},
    {"feeds", "feeds", 1, " count filter exclude fields seed now scene store for "},
    {"memberships", "memberships", 0, " segments now for "},
    {"shop", "", 0, " as now "},
};
enum { WHAT_COUNT = sizeof whats / sizeof whats[0] };

static int say(const struct sh_error *err) {
    (void)fprintf(stderr, "shoal export: %s%s%s\n", err->message, err->hint[0] == '\0' ? "" : "\n  ", err->hint);
    return 1;
}

/* ---- What is asked ---- */

static json_t *split_list(const char *list) {
    json_t *array = json_array();
    for (char *name; next_name(&list, &name); free(name))
        (void)json_array_append_new(array, json_string(name));
    return array;
}

static void set_text(json_t *asked, const char *name, const char *text) {
    if (text != NULL) (void)json_object_set_new(asked, name, json_string(text));
}

static bool set_number(json_t *object, const char *name, const char *text, long long least) {
    char *end = NULL;
    const long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || number < least) return false;
    return json_object_set_new(object, name, json_integer(number)) == 0;
}

static json_t *make_feed(const struct command_options *options, bool *is_right) {
    json_t *feed = json_object();
    /* Without a seed they would be other feeds each time. */
    *is_right = set_number(feed, "count", options->count != NULL ? options->count : "10", 1) &&
                set_number(feed, "seed", options->seed != NULL ? options->seed : "1", 0);
    set_text(feed, "filter", options->filter);
    set_text(feed, "scene", options->scene);
    set_text(feed, "store", options->store);
    if (options->exclude != NULL) (void)json_object_set_new(feed, "exclude", split_list(options->exclude));
    if (options->fields != NULL) (void)json_object_set_new(feed, "fields", split_list(options->fields));
    return feed;
}

/* in_segment('name') */
static json_t *segment_where(const char *name) {
    struct sh_buffer text;
    sh_buffer_init(&text, 1 << 16);
    sh_buffer_print(&text, "in_segment('");
    for (; *name != '\0'; name++)
        sh_buffer_append(&text, *name == '\'' ? "''" : name, *name == '\'' ? 2 : 1);
    sh_buffer_append(&text, "')", 2);
    json_t *where = json_stringn((const char *)text.bytes, text.count);
    sh_buffer_deinit(&text);
    return where;
}

/* ".csv", ".jsonl", ".roaring", before .gz and .zst. */
static const char *format_of(const char *path) {
    static const char *const names[] = {"csv", "jsonl", "roaring"};
    const enum export_packing packing = export_packing_of(path);
    size_t length = strlen(path) - (packing == EXPORT_GZIP ? 3 : packing == EXPORT_ZSTD ? 4 : 0);
    for (uint32_t i = 0; i < 3; i++) {
        const size_t own = strlen(names[i]);
        if (length > own + 1 && path[length - own - 1] == '.' && memcmp(path + length - own, names[i], own) == 0)
            return names[i];
    }
    return NULL;
}

static json_t *make_asked(const struct session *session, const struct what *what, const char *word,
                          const struct command_options *options, const char *format, bool *is_right) {
    json_t *asked = json_object();
    json_t *fields = json_object();
    *is_right = true;
    set_text(asked, "kind", what->name);
    set_text(asked, "workspace", session->workspace);
    set_text(asked, "format", format);
    set_text(asked, "order", options->order);
    set_text(asked, "now", options->now);
    set_text(asked, "from", options->from);
    set_text(asked, "until", options->until);
    set_text(asked, "for", options->purpose);
    set_text(asked, "key", options->key);
    set_text(asked, "table", options->table);
    set_text(asked, "separator", options->separator);
    if (options->desc) (void)json_object_set_new(asked, "desc", json_true());
    if (strcmp(what->name, "segment") == 0)
        (void)json_object_set_new(asked, "where", segment_where(word));
    else
        set_text(asked, "where", word);
    if (strcmp(what->name, "segment") == 0) set_text(asked, "segment", word);
    if (options->types != NULL) (void)json_object_set_new(asked, "types", split_list(options->types));
    if (options->segments != NULL) (void)json_object_set_new(asked, "segments", split_list(options->segments));
    if (strcmp(what->name, "feeds") == 0) (void)json_object_set_new(asked, "feed", make_feed(options, is_right));
    if (options->fields != NULL) (void)json_object_set_new(fields, what->kind, split_list(options->fields));
    (void)json_object_set_new(asked, "fields", fields);
    return asked;
}

/* ---- What is not said is found out once, and stands in the manifest from then on ---- */

static bool may_see(struct export *export, const json_t *names) {
    struct shoal_client_answer answer;
    const json_t *name;
    size_t i;
    shoal_client_writer_clear(export->params);
    shoal_client_write_map(export->params, 2);
    shoal_client_write_literal(export->params, "ids");
    shoal_client_write_array(export->params, 0);
    shoal_client_write_literal(export->params, "fields");
    shoal_client_write_array(export->params, (uint32_t)json_array_size(names));
    json_array_foreach(names, i, name) {
        shoal_client_write_literal(export->params, json_string_value(name));
    }
    return export_call(export, "user.get", &answer) != SH_ERR_FORBIDDEN;
}

static bool is_among(const json_t *names, const json_t *name) {
    const json_t *other;
    size_t i;
    json_array_foreach(names, i, other) {
        if (json_equal(other, name)) return true;
    }
    return false;
}

/* All attributes and tag sets; of users those that this token may see. */
static void find_fields(struct export *export, const char *kind) {
    static const char *const lists[] = {"attributes", "tag_sets"};
    json_t *fields = json_object_get(export->asked, "fields");
    if (json_object_get(fields, kind) != NULL) return;
    const json_t *table = json_object_get(export->schema, kind);
    const json_t *personal = json_object_get(json_object_get(export->schema, "privacy"), "personal");
    const bool sees_all = strcmp(kind, "users") != 0 || personal == NULL || may_see(export, personal);
    json_t *all = json_array();
    for (uint32_t l = 0; l < 2; l++) {
        const json_t *entry;
        size_t i;
        json_array_foreach(json_object_get(table, lists[l]), i, entry) {
            json_t *name = json_object_get(entry, "name");
            if (sees_all || !is_among(personal, name)) (void)json_array_append(all, name);
        }
    }
    (void)json_object_set_new(fields, kind, all);
}

static enum sh_status find_segments(struct export *export) {
    struct shoal_client_answer answer;
    if (json_object_get(export->asked, "segments") != NULL) return SH_OK;
    shoal_client_writer_clear(export->params);
    shoal_client_write_map(export->params, 1);
    shoal_client_write_literal(export->params, "counts");
    shoal_client_write_boolean(export->params, false);
    const enum sh_status status = export_call(export, "segment.list", &answer);
    if (status != SH_OK) return status;
    json_t *names = json_array();
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "segments"));
    struct shoal_client_value segment;
    while (shoal_client_walk_next(&walk, NULL, &segment)) {
        size_t length = 0;
        const char *name = shoal_client_text(shoal_client_get(segment, "name"), &length);
        (void)json_array_append_new(names, json_stringn(name, length));
    }
    (void)json_object_set_new(export->asked, "segments", names);
    return SH_OK;
}

static enum sh_status complete(struct export *export, const struct what *what) {
    const bool is_shop = what->kind[0] == '\0';
    enum sh_status status = export_learn_schema(export);
    if (status != SH_OK) return status;
    if (strcmp(what->name, "users") == 0 || is_shop) find_fields(export, "users");
    if (strcmp(what->name, "items") == 0 || is_shop) find_fields(export, "items");
    if (strcmp(what->name, "memberships") == 0) status = find_segments(export);
    return status;
}

/* ---- Files ---- */

static enum sh_status add_part(struct export *export, const char *kind, const char *file) {
    struct export_part *part = &export->parts[export->part_count++];
    (void)snprintf(part->kind, sizeof part->kind, "%s", kind);
    if (snprintf(part->file, sizeof part->file, "%s", file) < (int)sizeof part->file) return SH_OK;
    return sh_fail(export->err, SH_ERR_ARGUMENT, -1, "the name of the file is too long");
}

static enum sh_status add_shop_parts(struct export *export, const char *as) {
    static const char *const kinds[] = {"users", "items", "events"};
    char file[64];
    enum sh_status status = SH_OK;
    for (uint32_t i = 0; i < 3 && status == SH_OK; i++) {
        (void)snprintf(file, sizeof file, "%s.%s", kinds[i], as);
        status = add_part(export, kinds[i], file);
    }
    if (status == SH_OK) status = add_part(export, "calls", "calls.jsonl");
    return status == SH_OK ? add_part(export, "map", "shop.map") : status;
}

/* A Roaring file has its table before it, unless the numbers come from elsewhere. */
static enum sh_status add_parts(struct export *export, const struct what *what, const char *base, const char *as) {
    char table[NAME_MAX + 1];
    const char *format = export_asked(export, "format");
    if (what->kind[0] == '\0') return add_shop_parts(export, as);
    if (strcmp(format, "roaring") != 0) return add_part(export, what->kind, base);
    enum sh_status status = SH_OK;
    if (export_asked(export, "key") == NULL && export_asked(export, "table") == NULL) {
        if (snprintf(table, sizeof table, "%s.numbers.csv", base) >= (int)sizeof table)
            return sh_fail(export->err, SH_ERR_ARGUMENT, -1, "the name of the file is too long");
        status = add_part(export, "numbers", table);
    }
    return status == SH_OK ? add_part(export, "roaring", base) : status;
}

static void remove_old(struct export *export) {
    static const char *const suffixes[] = {".ids", ""};
    char path[PATH_MAX + 8];
    for (uint32_t i = 0; i < export->part_count; i++)
        if (export_path(export, export->parts[i].file, ".part", path, NULL) == SH_OK) (void)unlink(path);
    for (uint32_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s%s", export->manifest_path, suffixes[i]);
        (void)unlink(path);
    }
}

/* ---- The command ---- */

static void print_done(const struct export *export) {
    char a[32], b[32];
    for (uint32_t i = 0; i < export->part_count; i++) {
        const struct export_part *part = &export->parts[i];
        (void)printf("%s: %s rows, %s bytes\n", part->file, print_grouped((int64_t)part->rows, a),
                     print_grouped((int64_t)part->sums.bytes, b));
    }
    if (export->held_back > 0)
        (void)printf("held back: %s who are suppressed, or have not agreed\n",
                     print_grouped((int64_t) export->held_back, a));
    if (export->skipped > 0)
        (void)printf("left out: %s who were forgotten meanwhile, or have no number\n",
                     print_grouped((int64_t) export->skipped, a));
}

static int finish(struct export *export, const char *address_words) {
    const enum sh_status status = export_run(export);
    if (status != SH_OK) {
        (void)say(export->err);
        if (access(export->manifest_path, F_OK) == 0)
            (void)fprintf(stderr, "  shoal%s export --resume %s goes on with it\n", address_words,
                          export->manifest_path);
        return 1;
    }
    if (!export->is_quiet) print_done(export);
    return 0;
}

static void release(struct export *export) {
    export_drop_ids(export);
    json_decref(export->asked);
    json_decref(export->schema);
    shoal_client_writer_destroy(export->params);
    sh_buffer_deinit(&export->page);
    sh_arena_deinit(&export->arena);
    sh_free(export);
}

static struct export *begin(struct session *session, const struct command_options *options, struct sh_error *err) {
    struct export *export = sh_alloc_zero(sizeof *export);
    if (export == NULL) return NULL;
    *err = (struct sh_error){.hint = ""};
    export->session = session;
    export->err = err;
    export->is_quiet = options->quiet;
    export->spool_handle = -1;
    sh_arena_init(&export->arena, 64 << 20);
    sh_buffer_init(&export->page, EXPORT_PAGE_BYTES_MAX);
    export->params = shoal_client_writer_create();
    return export;
}

static const struct what *find_what(const char *name) {
    for (uint32_t i = 0; i < WHAT_COUNT; i++)
        if (strcmp(whats[i].name, name) == 0) return &whats[i];
    return NULL;
}

/* Options that this kind has no use for are refused: what they should have meant is not done. */
static const char *unwanted(const struct what *what, const struct command_options *options) {
    const struct {
        const char *name;
        const void *given;
    } all[] = {{"fields", options->fields},
               {"order", options->order},
               {"desc", options->desc ? "" : NULL},
               {"now", options->now},
               {"key", options->key},
               {"table", options->table},
               {"types", options->types},
               {"from", options->from},
               {"until", options->until},
               {"count", options->count},
               {"filter", options->filter},
               {"exclude", options->exclude},
               {"seed", options->seed},
               {"scene", options->scene},
               {"store", options->store},
               {"as", options->as},
               {"for", options->purpose},
               {"segments", options->segments},
               {"separator", options->separator}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char word[32];
        (void)snprintf(word, sizeof word, " %s ", all[i].name);
        if (all[i].given != NULL && strstr(what->takes, word) == NULL) return all[i].name;
    }
    return NULL;
}

static int usage(const char *words) {
    (void)fprintf(stderr, "shoal export: %s\n", words);
    return 2;
}

/* Where it goes: the folder, the file's name in it, and the manifest. */
static bool place_files(struct export *export, const struct what *what, const char *out, char base[PATH_MAX]) {
    char copy[PATH_MAX];
    if (strlen(out) >= PATH_MAX - 64) return false;
    memcpy(copy, out, strlen(out) + 1);
    if (what->kind[0] == '\0') {
        (void)snprintf(export->folder, sizeof export->folder, "%s", out);
        (void)snprintf(export->manifest_path, sizeof export->manifest_path, "%.*s/manifest.json", PATH_MAX - 32, out);
        return mkdir(out, 0700) == 0 || errno == EEXIST;
    }
    (void)snprintf(export->folder, sizeof export->folder, "%s", dirname(copy));
    memcpy(copy, out, strlen(out) + 1);
    (void)snprintf(base, PATH_MAX, "%s", basename(copy));
    export_manifest_of(out, export->manifest_path);
    return true;
}

/* The manifest that is there must be of the same question; then it is gone on with. */
static enum sh_status take_old(struct export *export, bool *is_there) {
    struct export *old = sh_alloc_zero(sizeof *old);
    if (old == NULL) return sh_fail(export->err, SH_ERR_MEMORY, -1, "no memory for an export");
    old->err = export->err;
    enum sh_status status = export_manifest_read(old, export->manifest_path);
    *is_there = status == SH_OK;
    if (status == SH_OK && !json_equal(old->asked, export->asked)) {
        (void)sh_fail(export->err, SH_ERR_CONFLICT, -1, "%s is of an export that asked something else",
                      export->manifest_path);
        status = sh_fail_hint(export->err, SH_ERR_CONFLICT, "--anew begins this one in its place");
    }
    if (status == SH_OK) {
        memcpy(export->parts, old->parts, sizeof export->parts);
        memcpy(export->began, old->began, sizeof export->began);
        memcpy(export->ended, old->ended, sizeof export->ended);
        export->part_count = old->part_count;
        export->as_of_ms = old->as_of_ms;
        export->skipped = old->skipped;
        export->held_back = old->held_back;
        export->spool = old->spool;
        export->spool_count = old->spool_count;
        export->spool_number = old->spool_number;
    }
    json_decref(old->asked);
    sh_free(old);
    return status == SH_ERR_NOT_FOUND ? SH_OK : status;
}

static int run_new(struct export *export, const struct what *what, const char *word,
                   const struct command_options *options, struct session *session) {
    const bool is_shop = what->kind[0] == '\0';
    const char *as = options->as != NULL ? options->as : "jsonl.zst";
    char base[PATH_MAX] = "";
    char named[128];
    bool is_right;
    bool is_there = false;
    (void)snprintf(named, sizeof named, "x.%.100s", as);
    const char *format = format_of(is_shop ? named : options->out);
    const bool is_roaring = format != NULL && strcmp(format, "roaring") == 0;
    if (format == NULL || (is_roaring && strcmp(what->kind, "users") != 0))
        return usage("the name of the file says its format: .csv or .jsonl, or .roaring of an audience; before .gz or "
                     ".zst");
    if (!is_roaring && (options->key != NULL || options->table != NULL))
        return usage("--key and --table are for .roaring files");
    if (is_roaring && (options->fields != NULL || options->order != NULL))
        return usage("a .roaring file holds numbers: it has no fields, and no order");
    export->asked = make_asked(session, what, word, options, format, &is_right);
    if (!is_right) return usage("--count needs a whole number above 0, --seed one from 0");
    if (!place_files(export, what, options->out, base)) {
        (void)fprintf(stderr, "shoal export: %s: %s\n", options->out, strerror(errno == 0 ? ENAMETOOLONG : errno));
        return 1;
    }
    enum sh_status status = complete(export, what);
    if (status == SH_OK) status = add_parts(export, what, base, as);
    if (status == SH_OK && options->anew)
        remove_old(export);
    else if (status == SH_OK)
        status = take_old(export, &is_there);
    if (status != SH_OK) return say(export->err);
    return finish(export, "");
}

int run_export(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    struct sh_error err;
    struct export *export;
    int status;
    if (options->verify != NULL || options->resume != NULL) {
        if (word_count > 0) return usage("with --verify and --resume the manifest says what it is about");
        if (options->resume != NULL && !session_connect(session)) return 1;
        if ((export = begin(session, options, &err)) == NULL) return 1;
        const enum sh_status read =
            export_manifest_read(export, options->verify != NULL ? options->verify : options->resume);
        if (read != SH_OK)
            status = say(&err);
        else if (options->verify != NULL)
            status = export_verify(export, stdout) == SH_OK ? 0 : 1;
        else
            status = finish(export, "");
        release(export);
        return status;
    }
    const struct what *what = word_count > 0 ? find_what(words[0]) : NULL;
    if (what == NULL)
        return usage("one of audience EXPRESSION, segment NAME, users, items, events, feeds EXPRESSION, memberships, "
                     "shop");
    if (word_count - 1 != what->words)
        return usage(what->words == 1 ? "this one needs one word more: an expression, or a name, in quotes"
                                      : "this one has no further word");
    if (options->out == NULL) return usage("--out FILE says where to (--out FOLDER for a shop)");
    const char *wrong = unwanted(what, options);
    if (wrong != NULL) {
        (void)fprintf(stderr, "shoal export: --%s means nothing for %s\n", wrong, what->name);
        return 2;
    }
    if (!session_connect(session)) return 1;
    if ((export = begin(session, options, &err)) == NULL) return 1;
    status = run_new(export, what, what->words == 1 ? words[1] : NULL, options, session);
    release(export);
    return status;
}
