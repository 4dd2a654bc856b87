#include "command_fields.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

static int run_load(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)words;
    (void)word_count;
    if (options->map == NULL) {
        (void)fputs("shoal load: --map FILE says how the files' columns are to be read; `shoal schema guess FILE` "
                    "proposes one\n",
                    stderr);
        return 2;
    }
    if (!options->follow && !session_connect(session)) return 1;
    if (options->follow && options->only_schema) {
        (void)fputs("shoal load: --follow and --only-schema do not go together\n", stderr);
        return 2;
    }
    const struct load_options load = {.mapping_path = options->map,
                                      .folder = options->folder,
                                      .rejects_path = options->rejects != NULL ? options->rejects : "rejects.csv",
                                      .quiet = options->quiet,
                                      .only_schema = options->only_schema,
                                      .json = session->format == OUTPUT_JSON};
    fields_forget(session);
    return options->follow ? run_load_follow(session, options, &load) : load_run(session->client, &load);
}

static int run_help(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)session;
    (void)options;
    (void)words;
    (void)word_count;
    command_usage(stdout);
    return 0;
}

const struct command commands[] = {
    {"count", "EXPRESSION", "how many users match; --for PURPOSE: and may be written to for it", " now for ", 0, 1,
     true, run_count},
    {"list", "EXPRESSION", "who matches: --limit N --fields a,b --order NAME --desc, or --all; --for PURPOSE",
     " limit fields order desc all now for ", 0, 1, true, run_list},
    {"sample", "EXPRESSION", "exactly --count N of them at random: --seed TEXT --fields a,b --for PURPOSE",
     " count seed fields now for ", 0, 1, true, run_sample},
    {"explain", "EXPRESSION", "the program that answers it; --analyze runs and measures it, --tree prints its arrays",
     " analyze tree now ", 1, 1, true, run_explain},
    {"insight", "EXPRESSION",
     "what they are like: --of city,tags --events \"purchase, last 30 days\" --by store,amount --cross a,b --base "
     "EXPRESSION --top N --order index --bins N",
     " of events by cross base top order bins now ", 0, 1, true, run_insight},
    {"funnel", "SEQUENCE", "how many come how far: --among EXPRESSION --by ATTRIBUTE --top N", " among by top now ", 1,
     1, true, run_funnel},
    {"retention", "EVENT [RETURN]",
     "who comes back: --period day|week|month --periods N --among EXPRESSION; an event may have its where",
     " period periods among now ", 1, 2, false, run_retention},
    {"waterfall", "EXPRESSION", "how many each clause takes away, in the order written", " now ", 1, 1, true,
     run_waterfall},
    {"why", "USER EXPRESSION", "why this user is in or out, clause by clause", " now ", 2, 2, false, run_why},
    {"lookalike", "EXPRESSION",
     "the --count N users most like these, and what makes them so; --exclude EXPRESSION --for PURPOSE",
     " count exclude now for ", 1, 1, true, run_lookalike},
    {"overlap", "EXPRESSION ...", "how audiences cross, each with each; --combinations counts who is in exactly which",
     " combinations now ", 1, 64, false, run_overlap},
    {"user", "[export] ID ...",
     "users as they are; --events N of their latest events, --fields a,b; export ID: everything held, as JSON",
     " events fields ", 1, COMMAND_WORD_COUNT_MAX, false, run_user},
    {"item", "ID ...", "items as they are; --fields a,b", " fields ", 1, COMMAND_WORD_COUNT_MAX, false, run_item},
    {"unlist", "ID ...", "items are not shown any more, until they are put again", "", 1, COMMAND_WORD_COUNT_MAX, false,
     run_unlist},
    {"receipt", "RECEIPT", "is what was forgotten gone from the disk, too? forget prints the receipt", "", 1, 1, false,
     run_receipt},
    {"forget", "ID ...", "remove users everywhere", "", 1, COMMAND_WORD_COUNT_MAX, false, run_forget},
    {"merge", "FROM INTO", "two users are one; FROM is another name of INTO from then on", "", 2, 2, false, run_merge},
    {"feed", "[USER]",
     "what this user, or somebody with these clicks, should see next, and why: --session ITEM,ITEM --count N\n"
     "                            --filter EXPRESSION --exclude a,b --fields a,b --scene NAME --store NAME\n"
     "                            --with JSON: any other rule of feed.get, '{\"weights\": {\"cart\": 4}, \"mmr\": "
     "0.3}'",
     " count filter exclude fields seed now session scene store with ", 0, 1, false, run_feed},
    {"feed-why", "[USER] ITEM",
     "why an item is in this user's feed, or why not: options as of feed, its own --count N among them",
     " count filter exclude seed now session scene store with ", 1, 2, false, run_feed_why},
    {"served", "REC_ID ITEM ...",
     "a feed was shown by another system, to be learned from: --user ID --now TIME --with JSON", " user now with ", 2,
     COMMAND_WORD_COUNT_MAX, false, run_served},
    {"also-bought", "ITEM",
     "what buyers of an item also bought: --count N --filter EXPRESSION --fields a,b --by cosine|walk",
     " count filter fields by now ", 1, 1, false, run_also_bought},
    {"similar", "ITEM", "what is like an item: --count N --filter EXPRESSION --fields a,b", " count filter fields now ",
     1, 1, false, run_similar},
    {"trending", "", "what is popular: --by long|short|rising --store NAME --count N --filter EXPRESSION --fields a,b",
     " count filter fields store by now ", 0, 0, false, run_trending},
    {"users-for", "ITEM [EXPRESSION]",
     "the users whom an item suits best, and why: --count N --fields a,b --for PURPOSE", " count fields now for ", 1, 2,
     false, run_users_for},
    {"feeds", "[EXPRESSION]",
     "feeds of many for a push: of an audience, --limit users a page or --all, or of --users a,b; --count N items\n"
     "                            --filter EXPRESSION --exclude a,b --fields a,b --for PURPOSE --scene NAME --with "
     "JSON",
     " users limit all count filter exclude fields seed now for scene with ", 0, 1, true, run_feeds},
    {"scene", "put|get|list|remove",
     "rules of feeds by the place where they are shown: put NAME RULES (JSON, @FILE or -), get NAME, list, remove "
     "NAME;\n"
     "                            those of the scene default hold for all feeds",
     "", 1, 3, false, run_scene},
    {"model", "train|list|remove|likings|put",
     "tables of items trained in the background: train ials|ease|knn|rp3 [--every HOURS] [--seed N] [--with JSON], "
     "list, remove NAME; likings (who likes what, to train elsewhere) and put NAME FILE (a table from there)",
     " every seed with count ", 1, 3, false, run_model},
    {"rfm", "[put|refresh|plan|show]",
     "recency, frequency, money: put EVENT [--days N] [--scores N] [--per-day], refresh, plan, show [EXPRESSION]",
     " days scores per-day now ", 0, 2, false, run_rfm},
    {"score", "put|get|list|remove",
     "scoring plans: put NAME 'POINTS when EXPRESSION' ... 'WEIGHT of VALUE up to CAP' ... [--digits N], get NAME, "
     "list, "
     "remove NAME",
     " digits note ", 1, COMMAND_WORD_COUNT_MAX, false, run_score},
    {"segment", "put|get|list|remove|of",
     "saved expressions: put NAME EXPRESSION [--note TEXT], get NAME, list, remove NAME, of USER", " note now ", 1, 3,
     false, run_segment},
    {"referral", "[put|refresh]", "who invited whom: put ATTRIBUTE [NAME EXPRESSION] ..., refresh; alone: the plan",
     " now ", 0, 16, false, run_referral},
    {"rule", "put|get|list|remove",
     "tags that events give: put NAME EVENT TAG_SET TAG [--ttl DAYS] [--note TEXT] [--past], get NAME, list, remove "
     "NAME",
     " ttl note past ", 1, 5, false, run_rule},
    {"tree", "put|get|list|remove",
     "stores in regions, names below names: put NAME FILE [--of ATTRIBUTE,...] with lines of NAME,PARENT; get NAME, "
     "list, remove NAME",
     " of ", 1, 3, false, run_tree},
    {"schema", "[guess FILE]", "what the workspace holds; guess proposes a mapping for a file", "", 0, 2, false,
     run_schema},
    {"keep", "[EVENT DAYS]", "for how many days events of a type are kept, 0 for ever; alone: let go of older ones now",
     "", 0, 2, false, run_keep},
    {"load", "",
     "load files: --map FILE [--dir FOLDER] [--rejects FILE] [--quiet] [--only-schema]; --follow [--source NAME] goes "
     "on\n"
     "                            with what is written to the last of them, each line once",
     " map dir rejects quiet only-schema follow source ", 0, 0, false, run_load},
    {"export", "audience|segment|users|items|events|feeds|memberships|shop",
     "into files that `load` reads, gone on with where it was interrupted: audience EXPRESSION, segment NAME, users,\n"
     "                            items, events [--types a,b] [--from T] [--until T], feeds EXPRESSION [--count N],\n"
     "                            memberships [--segments a,b], shop; --out FILE.csv|.jsonl|.roaring[.gz|.zst] (a "
     "folder\n"
     "                            for a shop) --fields a,b --order NAME --desc\n"
     "                            --for PURPOSE; --resume MANIFEST, --verify MANIFEST, "
     "--anew",
     " for fields order desc now key table separator types from until count filter exclude seed scene store segments "
     "as "
     "out "
     "verify resume anew quiet ",
     0, 2, false, run_export},
    {"stream", "FILE ... | --kafka BROKERS TOPIC",
     "messages of the Segment specification, each once, however often it is stopped: [--follow] [--source NAME] "
     "[--zone "
     "ZONE] [--rejects FILE] [--quiet] [--config NAME=VALUE,...]",
     " follow source kafka config zone rejects quiet ", 1, 1024, false, run_stream},
    {"eval", "session | ranking | split | replay | policy",
     "how well feeds foresee: session --train F --test F [--count K], the next click; ranking --train F [--valid F] "
     "--test F [--k 10,20,40] [--methods LIST], what people come to like; split --events F --by user|time [--seed N] "
     "--dir FOLDER makes the files; replay --events F [--count K] [--targets TYPES] [--config F], each event before it "
     "is learned; policy --log F [--clip W] [--scene NAME] [--filter EXPRESSION] [--draws N], what another policy "
     "would have "
     "earned. [--columns "
     "user,item,time,type=NAME,"
     "value=NAME,store=NAME,category=NAME,tags=NAME] [--min COLUMN=NUMBER] [--types LIST] [--weights TYPE=W,...] "
     "[--items F --item-columns id,category=NAME,tags=NAME]",
     " train valid test count columns k min methods events by seed dir log clip items item-columns types targets "
     "weights "
     "config scene filter draws ",
     1, 1, false, run_eval},
    {"tune", "session | ranking | replay | load FILE",
     "what foresees best, found on validation alone: session or ranking --train F --valid F, replay --events F; "
     "[--trials N] [--seed N] [--count K] [--out F] [--apply], and the columns of eval; load puts such a file into the "
     "workspace",
     " train valid events count columns min trials seed out apply items item-columns types weights ", 1, 2, false,
     run_tune},
    {"learning", "", "how well the feed learns from what it showed", "", 0, 0, false, run_learning},
    {"impressions", "", "what feeds showed, with propensities, and what came of it: --limit N feeds, or --all",
     " limit all ", 0, 0, false, run_impressions},
    {"check", "DIR", "is what a server has stored whole? Offline", "", 1, 1, false, run_check},
    {"dump", "DIR", "the records of a server's logs: --from POSITION --limit N. Offline", " from limit ", 1, 1, false,
     run_dump},
    {"repair", "DIR", "save what can be read of damaged logs; what was there is kept. Offline", "", 1, 1, false,
     run_repair},
    {"token", "create|list|rotate|revoke",
     "who may do what: create ID --roles feed,audience [--days N] [--rate N] [--burst N] [--note TEXT], list, rotate "
     "ID "
     "[--grace SECONDS], revoke ID; with --access FILE in that file, without a server",
     " roles days rate burst note grace access ", 1, 2, false, run_token},
    {"stats", "", "counters and memory", "", 0, 0, false, run_stats},
    {"top", "", "what the server is doing, anew every --interval S: methods, shards, queues, memory; --once",
     " interval once ", 0, 0, false, run_top},
    {"snapshot", "", "write all state beside the log, so that a restart is quick and the log can be short", "", 0, 0,
     false, run_snapshot},
    {"call", "METHOD [PARAMS]", "any method of the protocol; PARAMS are JSON, @FILE or -", "", 1, 2, false, run_call},
    {"ping", "", "is it there?", "", 0, 0, false, run_ping},
    {"help", "", "this text", "", 0, 0, false, run_help},
};
const uint32_t command_count = sizeof commands / sizeof commands[0];

const struct command *command_find(const char *name) {
    for (uint32_t i = 0; i < command_count; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

void command_usage(FILE *out) {
    (void)fputs(
        "usage: shoal [--addr ADDRESS] [--workspace NAME] [--token-file FILE] [--format table|csv|json]\n"
        "             [--plain] COMMAND ...\n"
        "Without a command it is a shell. ADDRESS is 127.0.0.1:7717 or SHOAL_ADDR unless given;\n"
        "unix:/path and tls:HOST:PORT are fine. A token is SHOAL_TOKEN, or stands in FILE (SHOAL_TOKEN_FILE).\n\n",
        out);
    for (uint32_t i = 0; i < command_count; i++)
        (void)fprintf(out, "  %-11s %-13s %s\n", commands[i].name, commands[i].arguments, commands[i].summary);
    (void)fputs("\nAn expression: city in ('成都', '上海') and count(purchase, last 30 days) >= 2\n"
                "See shoal(1).\n",
                out);
}

/* --- options --- */

struct option_place {
    const char *name;
    size_t place; /* in the options: of a text, or of a flag */
    bool is_flag;
};

#define TEXT(name, member)                                                                                             \
    { name, offsetof(struct command_options, member), false }
#define FLAG(name, member)                                                                                             \
    { name, offsetof(struct command_options, member), true }

static const struct option_place places[] = {
    TEXT("limit", limit),
    TEXT("with", with),
    TEXT("every", every),
    TEXT("user", user),
    TEXT("train", train),
    TEXT("log", log),
    TEXT("clip", clip),
    TEXT("out", out),
    TEXT("trials", trials),
    TEXT("items", items),
    TEXT("item-columns", item_columns),
    TEXT("types", types),
    TEXT("draws", draws),
    TEXT("targets", targets),
    TEXT("weights", weights),
    FLAG("apply", apply),
    TEXT("session", session),
    TEXT("users", users),
    TEXT("store", store),
    TEXT("test", test),
    TEXT("valid", valid),
    TEXT("k", k),
    TEXT("min", min),
    TEXT("methods", methods),
    TEXT("columns", columns),
    TEXT("from", from),
    TEXT("fields", fields),
    TEXT("order", order),
    TEXT("seed", seed),
    TEXT("roles", roles),
    TEXT("rate", rate),
    TEXT("burst", burst),
    TEXT("grace", grace),
    TEXT("access", access),
    TEXT("interval", interval),
    TEXT("count", count),
    TEXT("filter", filter),
    TEXT("exclude", exclude),
    TEXT("scene", scene),
    TEXT("events", events),
    TEXT("now", now),
    TEXT("for", purpose),
    TEXT("note", note),
    TEXT("map", map),
    TEXT("dir", folder),
    TEXT("rejects", rejects),
    TEXT("format", format),
    TEXT("of", of),
    TEXT("by", by),
    TEXT("cross", cross),
    TEXT("base", base),
    TEXT("top", top),
    TEXT("bins", bins),
    TEXT("among", among),
    TEXT("days", days),
    TEXT("scores", scores),
    TEXT("ttl", ttl),
    TEXT("digits", digits),
    TEXT("period", period),
    TEXT("periods", periods),
    TEXT("source", source),
    TEXT("kafka", kafka),
    TEXT("config", config),
    TEXT("zone", zone),
    TEXT("until", until),
    TEXT("verify", verify),
    TEXT("resume", resume),
    TEXT("key", key),
    TEXT("table", table),
    TEXT("separator", separator),
    TEXT("segments", segments),
    TEXT("as", as),
    FLAG("anew", anew),
    FLAG("follow", follow),
    FLAG("desc", desc),
    FLAG("all", all),
    FLAG("analyze", analyze),
    FLAG("quiet", quiet),
    FLAG("tree", tree),
    FLAG("only-schema", only_schema),
    FLAG("combinations", combinations),
    FLAG("per-day", per_day),
    FLAG("plain", plain),
    FLAG("past", past),
    FLAG("once", once),
};

/* Find the option in the table and set it. Returns how many words it took, 0 when it is not one of the command's. */
static uint32_t take_option(const struct command *command, struct command_options *options, char *word, char *next) {
    char *value = strchr(word, '=');
    const size_t length = value == NULL ? strlen(word + 2) : (size_t)(value - word) - 2;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char wanted[32];
        if (strlen(places[i].name) != length || memcmp(places[i].name, word + 2, length) != 0) continue;
        (void)snprintf(wanted, sizeof wanted, " %s ", places[i].name);
        if (strstr(" format plain ", wanted) == NULL && strstr(command->options, wanted) == NULL) return 0;
        void *place = (char *)options + places[i].place;
        if (places[i].is_flag) {
            *(bool *)place = true;
            return value == NULL ? 1 : 0;
        }
        *(const char **)place = value != NULL ? value + 1 : next;
        if (*(const char **)place == NULL) return 0;
        return value != NULL ? 1 : 2;
    }
    return 0;
}

static int usage_of(const struct command *command, const char *fault, const char *about) {
    (void)fprintf(stderr, "shoal %s: %s%s%s\nusage: shoal %s %s\n  %s\n", command->name, fault,
                  about[0] == '\0' ? "" : ": ", about, command->name, command->arguments, command->summary);
    return 2;
}

static int run_words(struct session *session, const struct command *command, char **words, uint32_t word_count) {
    struct command_options options = {0};
    char *plain[COMMAND_WORD_COUNT_MAX];
    uint32_t plain_count = 0;
    bool only_plain = false;
    for (uint32_t i = 0; i < word_count;) {
        if (!only_plain && strcmp(words[i], "--") == 0) {
            only_plain = true;
            i++;
        } else if (!only_plain && strncmp(words[i], "--", 2) == 0) {
            const uint32_t used = take_option(command, &options, words[i], i + 1 < word_count ? words[i + 1] : NULL);
            if (used == 0) return usage_of(command, "this option is not known here, or lacks its value", words[i]);
            i += used;
        } else {
            if (plain_count == COMMAND_WORD_COUNT_MAX) return usage_of(command, "too many words", "");
            plain[plain_count++] = words[i++];
        }
    }
    if (plain_count < command->word_count_min) return usage_of(command, "something is missing", "");
    if (plain_count > command->word_count_max)
        return usage_of(command,
                        command->takes_expression ? "an expression is one word: put it in quotes" : "too many words",
                        plain[command->word_count_max]);
    const enum output_format before = session->format;
    if (options.format != NULL && !output_format_of(options.format, &session->format))
        return usage_of(command, "a format is table, csv or json", options.format);
    output_draw(!session->is_plain && !options.plain);
    const int status = command->run(session, &options, plain, plain_count);
    session->format = before;
    return status;
}

int command_run(struct session *session, char **words, uint32_t word_count) {
    const struct command *command = command_find(words[0]);
    if (command == NULL) {
        (void)fprintf(stderr, "shoal: there is no command '%s'; `shoal help` lists them\n", words[0]);
        return 2;
    }
    return run_words(session, command, words + 1, word_count - 1);
}

/* Cut the next blank-separated word off the line; quotes keep blanks together. NULL at the end. */
static char *cut_word(char **line) {
    char *at = *line;
    while (*at == ' ' || *at == '\t')
        at++;
    if (*at == '\0') return NULL;
    char *word = at;
    if (*at == '"' || *at == '\'') {
        const char quote = *at;
        word = ++at;
        while (*at != '\0' && *at != quote)
            at++;
    } else {
        while (*at != '\0' && *at != ' ' && *at != '\t')
            at++;
    }
    if (*at != '\0') *at++ = '\0';
    *line = at;
    return word;
}

int command_run_line(struct session *session, char *line, bool *leave) {
    *leave = false;
    char *whole = line;
    while (*whole == ' ' || *whole == '\t')
        whole++;
    size_t length = strlen(whole);
    while (length > 0 && strchr(" \t\r\n;", whole[length - 1]) != NULL)
        whole[--length] = '\0';
    if (length == 0 || whole[0] == '#') return 0;
    *leave = strcmp(whole, "exit") == 0 || strcmp(whole, "quit") == 0;
    if (*leave) return 0;
    const size_t first = strcspn(whole, " \t");
    char name[32] = "";
    if (first < sizeof name) {
        memcpy(name, whole, first);
        name[first] = '\0';
    }
    char *words[COMMAND_WORD_COUNT_MAX];
    uint32_t word_count = 0;
    const struct command *command = command_find(name);
    if (command == NULL) { /* an expression alone is counted */
        words[word_count++] = whole;
        return run_words(session, command_find("count"), words, word_count);
    }
    char *rest = whole + first;
    while (word_count < COMMAND_WORD_COUNT_MAX) {
        while (*rest == ' ' || *rest == '\t')
            rest++;
        if (*rest == '\0') break;
        if (command->takes_expression && strncmp(rest, "--", 2) != 0) { /* options first, then the expression */
            words[word_count++] = rest;
            break;
        }
        char *word = cut_word(&rest);
        words[word_count++] = word;
        const char *flags = " --desc --all --analyze --tree --combinations --plain ";
        char flag[32];
        (void)snprintf(flag, sizeof flag, " %.24s ", word);
        if (command->takes_expression && strchr(word, '=') == NULL && strstr(flags, flag) == NULL &&
            word_count < COMMAND_WORD_COUNT_MAX && (word = cut_word(&rest)) != NULL)
            words[word_count++] = word; /* the option's value */
    }
    return run_words(session, command, words, word_count);
}

/* --- the server --- */

/* Words of a server quote what it was asked, and a server may be anybody's. */
static void show_line(const char *before, const char *words) {
    (void)fputs(before, stderr);
    output_shown(words, stderr);
    (void)fputc('\n', stderr);
}

bool session_connect(struct session *session) {
    if (session->client != NULL) return true;
    const struct shoal_client_options options = {.workspace = session->workspace,
                                                 .token = session->token,
                                                 .tls_authorities = getenv("SHOAL_TLS_CA"),
                                                 .tls_certificate = getenv("SHOAL_TLS_CERTIFICATE"),
                                                 .tls_key = getenv("SHOAL_TLS_KEY")};
    struct shoal_client_error error;
    if (shoal_client_open(session->address, &options, &session->client, &error) == SHOAL_CLIENT_OK) return true;
    (void)fprintf(stderr, "shoal: %s: ", session->address);
    show_line("", error.message);
    if (error.hint[0] != '\0') show_line("  ", error.hint);
    return false;
}

/* The expression's line with a mark under the place that is wrong. Control characters, a tab among them, are shown as
 * blanks, so that the mark stands where it should. */
static void show_position(const char *expression, int64_t position) {
    if (expression == NULL || position < 0 || (size_t)position > strlen(expression)) return;
    const char *at = expression + position;
    const char *start = at;
    while (start > expression && start[-1] != '\n')
        start--;
    char *line = strndup(start, strcspn(start, "\n"));
    char *before = strndup(start, (size_t)(at - start));
    if (line != NULL && before != NULL) {
        (void)fputs("  ", stderr);
        output_shown(line, stderr);
        (void)fprintf(stderr, "\n  %*s^\n", (int)output_width(before), "");
    }
    free(line);
    free(before);
}

bool session_call(struct session *session, const char *method, const struct shoal_client_writer *params,
                  const char *expression, struct shoal_client_answer *answer) {
    if (!session_connect(session)) return false;
    struct shoal_client_error error;
    if (shoal_client_call(session->client, method, params, SHOAL_CLIENT_IDEMPOTENT, answer, &error) == SHOAL_CLIENT_OK)
        return true;
    show_line("shoal: ", error.message);
    show_position(expression, error.position);
    if (error.hint[0] != '\0') show_line("  ", error.hint);
    return false;
}
