/* Who gets in, with what, and for how long. Times are invented; the file is a real one. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access.h"
#include "access_file.h"
#include "memory.h"
#include "rate_bucket.h"

enum { NOW = 1000000, SECOND = 1000, DAY = 86400000 };

static char folder[64];
static char path[96];
static struct sh_access *tokens;
static struct sh_principal principal;
static struct sh_error err;
static char shown[SH_TOKEN_TEXT_BYTES_MAX];

static void begin(void) {
    (void)snprintf(folder, sizeof folder, "/tmp/access_unit.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/access.json", folder);
    cr_assert_eq(sh_access_open(path, &tokens, &err), SH_OK, "%s", err.message);
}

static void end(void) {
    char beside[128];
    sh_access_close(tokens);
    (void)unlink(path);
    (void)snprintf(beside, sizeof beside, "%s.lock", path);
    (void)unlink(beside);
    (void)rmdir(folder);
}

TestSuite(access, .init = begin, .fini = end);

static void create(const char *id, const char *workspace, uint32_t roles) {
    const struct sh_token_order order = {.id = sh_text_of(id), .workspace = sh_text_of(workspace), .roles = roles};
    cr_assert_eq(sh_access_create_token(tokens, &order, NOW, shown, &err), SH_OK, "%s", err.message);
}

static enum sh_status enter(const char *token, int64_t now_ms) {
    return sh_access_authenticate(tokens, sh_text_of(token), now_ms, &principal, &err);
}

static enum sh_status check(const char *method, int64_t now_ms) {
    return sh_access_check(tokens, &principal, sh_method_find(sh_text_of(method), NULL), now_ms,
                           (uint64_t)now_ms * 1000000, &err);
}

Test(access, a_token_opens_its_workspace_with_its_roles) {
    create("app", "shop", SH_ROLE_FEED | SH_ROLE_INGEST);
    cr_assert_eq(strncmp(shown, "app.", 4), 0);
    cr_assert_eq(strlen(shown), 4 + SH_TOKEN_SECRET_CHARACTERS);
    cr_assert_eq(enter(shown, NOW), SH_OK, "%s", err.message);
    cr_assert_str_eq(principal.workspace, "shop");
    cr_assert_eq(check("feed.get", NOW), SH_OK);
    cr_assert_eq(check("audience.list", NOW), SH_ERR_FORBIDDEN);
    cr_assert_str_eq(err.message, "`audience.list` is not open to the token app");
    cr_assert_str_eq(err.hint, "it needs one of: audience; the token has: feed, ingest");
}

Test(access, wrong_tokens_all_get_the_same_words) {
    create("app", "shop", SH_ROLE_FEED);
    char wrong[SH_TOKEN_TEXT_BYTES_MAX];
    memcpy(wrong, shown, sizeof wrong);
    wrong[10] = wrong[10] == 'a' ? 'b' : 'a';
    char stranger[SH_TOKEN_TEXT_BYTES_MAX];
    memcpy(stranger, shown, sizeof stranger);
    stranger[0] = 'x';
    const char *const all[] = {wrong,
                               stranger,
                               "",
                               ".",
                               "app",
                               "app.",
                               "app.short",
                               "-------------------------------------------",
                               "nobody.-------------------------------------------"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        cr_assert_eq(enter(all[i], NOW), SH_ERR_UNAUTHENTICATED, "%s", all[i]);
        cr_assert_str_eq(err.message, "the token is not valid");
        cr_assert_not(principal.is_known);
        cr_assert_eq(check("ping", NOW), SH_ERR_UNAUTHENTICATED);
    }
}

Test(access, each_method_is_closed_to_each_role_that_it_does_not_name) {
    uint32_t refused = 0;
    for (uint32_t role = 0; role < SH_ROLE_COUNT; role++) {
        create(sh_role_name(role), "shop", UINT32_C(1) << role);
        cr_assert_eq(enter(shown, NOW), SH_OK);
        for (uint32_t i = 0; i < sh_method_count(); i++) {
            const struct sh_method *method = sh_method_at(i);
            const bool is_open = (method->roles >> role & 1) != 0;
            const enum sh_status status = sh_access_check(tokens, &principal, method, NOW, 1, &err);
            cr_assert_eq(status, is_open ? SH_OK : SH_ERR_FORBIDDEN, "%s with %s", method->name, sh_role_name(role));
            refused += !is_open;
        }
    }
    cr_assert_gt(refused, sh_method_count() * 5);
}

Test(access, each_method_has_roles_and_the_one_that_opens_none_is_in_no_row) {
    for (uint32_t i = 0; i < sh_method_count(); i++) {
        const struct sh_method *method = sh_method_at(i);
        cr_assert_eq(method->roles == SH_ROLES_NOBODY, method->internal, "%s", method->name);
        cr_assert_eq(method->roles & ~(uint32_t)SH_ROLES_ANY, 0, "%s", method->name);
        cr_assert(method->internal || method->spread == SH_SPREAD_SESSION || !method->writes ||
                      (method->roles & SH_ROLE_FEED) == 0 || strncmp(method->name, "feed.", 5) == 0,
                  "a feed's token writes by %s", method->name);
    }
}

Test(access, a_token_ends) {
    const struct sh_token_order order = {
        .id = SH_TEXT_LITERAL("brief"), .roles = SH_ROLE_FEED, .expires_ms = NOW + SECOND};
    cr_assert_eq(sh_access_create_token(tokens, &order, NOW, shown, &err), SH_OK);
    cr_assert_eq(enter(shown, NOW + SECOND - 1), SH_OK);
    cr_assert_str_eq(principal.workspace, "default");
    cr_assert_eq(check("feed.get", NOW + SECOND - 1), SH_OK);
    cr_assert_eq(check("feed.get", NOW + SECOND), SH_ERR_UNAUTHENTICATED);
    cr_assert_eq(enter(shown, NOW + SECOND), SH_ERR_UNAUTHENTICATED);
    cr_assert_str_eq(err.message, "the token brief has expired");
}

Test(access, revoking_ends_open_connections_at_once) {
    create("app", "shop", SH_ROLE_FEED);
    cr_assert_eq(enter(shown, NOW), SH_OK);
    cr_assert_eq(check("feed.get", NOW), SH_OK);
    cr_assert_eq(sh_access_revoke_token(tokens, SH_TEXT_LITERAL("app"), NOW, &err), SH_OK);
    cr_assert_eq(check("feed.get", NOW), SH_ERR_UNAUTHENTICATED);
    cr_assert_str_eq(err.message, "the token app is revoked");
    cr_assert_not(principal.is_known);
    cr_assert_eq(enter(shown, NOW), SH_ERR_UNAUTHENTICATED);
    cr_assert_eq(sh_access_revoke_token(tokens, SH_TEXT_LITERAL("app"), NOW, &err), SH_OK, "again is fine");
    cr_assert_eq(sh_access_revoke_token(tokens, SH_TEXT_LITERAL("none"), NOW, &err), SH_ERR_NOT_FOUND);
    const struct sh_token_order order = {.id = SH_TEXT_LITERAL("app"), .roles = SH_ROLE_FEED};
    cr_assert_eq(sh_access_create_token(tokens, &order, NOW, shown, &err), SH_ERR_CONFLICT);
    const int64_t later_ms = NOW + (SH_REVOKED_KEEP_DAYS + 1) * (int64_t)DAY;
    create("other", "shop", SH_ROLE_FEED);
    cr_assert_eq(sh_access_rotate_token(tokens, SH_TEXT_LITERAL("other"), later_ms, later_ms, shown, &err), SH_OK);
    cr_assert_eq(sh_access_create_token(tokens, &order, later_ms, shown, &err), SH_OK, "%s", err.message);
}

Test(access, while_it_is_rotated_a_token_has_two_secrets) {
    char first[SH_TOKEN_TEXT_BYTES_MAX];
    char second[SH_TOKEN_TEXT_BYTES_MAX];
    const struct sh_text id = SH_TEXT_LITERAL("app");
    create("app", "shop", SH_ROLE_FEED);
    memcpy(first, shown, sizeof first);
    cr_assert_eq(sh_access_rotate_token(tokens, id, NOW, NOW + DAY, second, &err), SH_OK);
    cr_assert_str_neq(first, second);
    cr_assert_eq(enter(first, NOW + DAY - 1), SH_OK);
    cr_assert_eq(check("feed.get", NOW + DAY - 1), SH_OK);
    cr_assert_eq(check("feed.get", NOW + DAY), SH_ERR_UNAUTHENTICATED, "a connection ends with the secret it showed");
    cr_assert_eq(enter(first, NOW + DAY), SH_ERR_UNAUTHENTICATED);
    cr_assert_eq(enter(second, NOW + DAY), SH_OK);
    /* A third takes the first one's place before its end; who came in with the second stays. */
    cr_assert_eq(sh_access_rotate_token(tokens, id, NOW + 1, NOW + DAY, shown, &err), SH_OK);
    cr_assert_eq(enter(first, NOW + 2), SH_ERR_UNAUTHENTICATED);
    cr_assert_eq(enter(second, NOW + 2), SH_OK);
    cr_assert_eq(sh_access_reload(tokens, &err), SH_OK);
    cr_assert_eq(check("feed.get", NOW + 4), SH_OK, "%s", err.message);
    cr_assert_eq(sh_access_rotate_token(tokens, id, NOW + 5, NOW + DAY, shown, &err), SH_OK);
    cr_assert_eq(check("feed.get", NOW + 6), SH_ERR_UNAUTHENTICATED, "its secret is the third by now");
}

Test(access, the_workspace_is_the_tokens_whatever_is_asked_for) {
    struct sh_text workspace;
    create("app", "shop", SH_ROLES_ALL);
    cr_assert_eq(enter(shown, NOW), SH_OK);
    cr_assert_eq(sh_access_workspace(&principal, (struct sh_text){0}, &workspace, &err), SH_OK);
    cr_assert(sh_text_equal(workspace, SH_TEXT_LITERAL("shop")));
    cr_assert_eq(sh_access_workspace(&principal, SH_TEXT_LITERAL("shop"), &workspace, &err), SH_OK);
    cr_assert_eq(sh_access_workspace(&principal, SH_TEXT_LITERAL("rival"), &workspace, &err), SH_ERR_FORBIDDEN);
    cr_assert(sh_text_equal(workspace, SH_TEXT_LITERAL("shop")));
    create("root", "*", SH_ROLES_ALL);
    cr_assert_eq(enter(shown, NOW), SH_OK);
    cr_assert_eq(sh_access_workspace(&principal, SH_TEXT_LITERAL("rival"), &workspace, &err), SH_OK);
    cr_assert(sh_text_equal(workspace, SH_TEXT_LITERAL("rival")));
    cr_assert_eq(sh_access_workspace(&principal, (struct sh_text){0}, &workspace, &err), SH_OK);
    cr_assert(sh_text_equal(workspace, SH_TEXT_LITERAL("default")));
}

Test(access, a_token_has_so_many_requests_a_second_over_all_its_connections) {
    const struct sh_token_order order = {.id = SH_TEXT_LITERAL("slow"), .roles = SH_ROLE_FEED, .rate = 10, .burst = 5};
    cr_assert_eq(sh_access_create_token(tokens, &order, NOW, shown, &err), SH_OK);
    cr_assert_eq(enter(shown, NOW), SH_OK);
    const struct sh_principal first = principal;
    cr_assert_eq(enter(shown, NOW), SH_OK);
    for (uint32_t i = 0; i < 5; i++) {
        cr_assert_eq(check("feed.get", NOW), SH_OK);
        if (i % 2 == 0) principal = first;
    }
    cr_assert_eq(check("feed.get", NOW), SH_ERR_RATE_LIMITED);
    cr_assert_str_eq(err.hint, "again in 100 ms");
    cr_assert_eq(sh_access_reload(tokens, &err), SH_OK);
    cr_assert_eq(check("feed.get", NOW), SH_ERR_RATE_LIMITED, "reading the file anew gives no more");
    cr_assert_eq(check("feed.get", NOW + 100), SH_OK);
    cr_assert_eq(check("feed.get", NOW + 199), SH_ERR_RATE_LIMITED);
    for (uint32_t i = 0; i < 5; i++)
        cr_assert_eq(check("feed.get", NOW + 60 * SECOND), SH_OK, "it is never fuller than full");
    cr_assert_eq(check("feed.get", NOW + 60 * SECOND), SH_ERR_RATE_LIMITED);
}

Test(access, the_file_holds_no_secret_and_keeps_everything) {
    char text[4096];
    create("app", "店铺", SH_ROLE_FEED | SH_ROLE_PERSONAL);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    const size_t count = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[count] = '\0';
    cr_assert_null(strstr(text, shown + strlen("app.")));
    struct stat info;
    cr_assert_eq(stat(path, &info), 0);
    cr_assert_eq(info.st_mode & 0777, 0600);
    struct sh_access *again;
    cr_assert_eq(sh_access_open(path, &again, &err), SH_OK, "%s", err.message);
    struct sh_token a;
    struct sh_token b;
    cr_assert(sh_access_find_token(tokens, SH_TEXT_LITERAL("app"), &a));
    cr_assert(sh_access_find_token(again, SH_TEXT_LITERAL("app"), &b));
    cr_assert_eq(memcmp(&a, &b, sizeof a), 0);
    sh_access_close(again);
}

Test(access, another_program_may_change_the_file) {
    struct sh_access *other;
    bool has_changed;
    create("app", "shop", SH_ROLE_FEED);
    cr_assert_eq(enter(shown, NOW), SH_OK);
    cr_assert_eq(sh_access_open(path, &other, &err), SH_OK);
    cr_assert_eq(sh_access_poll(tokens, &has_changed, &err), SH_OK);
    cr_assert_not(has_changed);
    cr_assert_eq(sh_access_revoke_token(other, SH_TEXT_LITERAL("app"), NOW, &err), SH_OK);
    cr_assert_eq(check("feed.get", NOW), SH_OK, "nobody has looked yet");
    cr_assert_eq(sh_access_poll(tokens, &has_changed, &err), SH_OK);
    cr_assert(has_changed);
    cr_assert_eq(check("feed.get", NOW), SH_ERR_UNAUTHENTICATED);
    /* Neither undoes what the other did. */
    create("mine", "shop", SH_ROLE_FEED);
    const struct sh_token_order order = {.id = SH_TEXT_LITERAL("theirs"), .roles = SH_ROLE_FEED};
    cr_assert_eq(sh_access_create_token(other, &order, NOW, shown, &err), SH_OK);
    cr_assert_eq(sh_access_token_count(other), 3);
    sh_access_close(other);
}

Test(access, a_file_that_is_wrong_changes_nothing) {
    create("app", "shop", SH_ROLE_FEED);
    cr_assert_eq(enter(shown, NOW), SH_OK);
    FILE *file = fopen(path, "w");
    (void)fputs("{\"shoal_access\": 1, \"tokens\": [", file);
    (void)fclose(file);
    cr_assert_eq(sh_access_reload(tokens, &err), SH_ERR_CORRUPT);
    cr_assert_eq(check("feed.get", NOW), SH_OK);
    struct sh_access *again;
    cr_assert_eq(sh_access_open(path, &again, &err), SH_ERR_CORRUPT);
    cr_assert_null(again);
    cr_assert_eq(chmod(path, 0620), 0);
    cr_assert_eq(sh_access_open(path, &again, &err), SH_ERR_IO);
    cr_assert_not_null(strstr(err.message, "written by others"), "%s", err.message);
}

Test(access, texts_that_are_no_file_of_tokens_are_refused) {
    static const char secret[] = "{\"salt\": \"00112233445566778899aabbccddeeff\", \"sha256\": "
                                 "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}";
    static const char *const tokens_of[] = {
        "{}",
        "{\"id\": \"a\", \"workspace\": \"w\", \"roles\": [\"feed\"], \"secrets\": [%s, %s, %s]}",
        "{\"id\": \"a\", \"workspace\": \"w\", \"roles\": [\"feed\"], \"secrets\": []}",
        "{\"id\": \"a b\", \"workspace\": \"w\", \"roles\": [\"feed\"], \"secrets\": [%s]}",
        "{\"id\": \"a\", \"workspace\": \"\", \"roles\": [\"feed\"], \"secrets\": [%s]}",
        "{\"id\": \"a\", \"workspace\": \"w\", \"roles\": [\"fed\"], \"secrets\": [%s]}",
        "{\"id\": \"a\", \"workspace\": \"w\", \"roles\": \"feed\", \"secrets\": [%s]}",
        "{\"id\": \"a\", \"workspace\": \"w\", \"roles\": [\"feed\"], \"rat\": 3, \"secrets\": [%s]}",
        "{\"id\": \"a\", \"workspace\": \"w\", \"roles\": [\"feed\"], \"rate\": 3, \"secrets\": [%s]}",
        "{\"id\": \"a\", \"workspace\": \"w\", \"roles\": [\"feed\"], \"rate\": -3, \"burst\": 1, \"secrets\": [%s]}",
        "{\"id\": \"a\", \"workspace\": \"w\", \"roles\": [\"feed\"], \"expires\": \"never\", \"secrets\": [%s]}",
    };
    for (size_t i = 0; i < sizeof tokens_of / sizeof tokens_of[0]; i++) {
        char token[1024];
        char text[1200];
        struct sh_token_table table;
        (void)snprintf(token, sizeof token, tokens_of[i], secret, secret, secret);
        (void)snprintf(text, sizeof text, "{\"shoal_access\": 1, \"tokens\": [%s]}", token);
        cr_assert_eq(sh_access_text_read(text, strlen(text), &table, &err), SH_ERR_CORRUPT, "%s", text);
        cr_assert_eq(strncmp(err.message, "token 1: ", 9), 0, "%s", err.message);
    }
    static const char *const documents[] = {"",
                                            "[]",
                                            "{}",
                                            "{\"shoal_access\": 2, \"tokens\": []}",
                                            "{\"shoal_access\": 1}",
                                            "{\"shoal_access\": 1, \"tokens\": [], \"x\": 1}"};
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        struct sh_token_table table;
        cr_assert_eq(sh_access_text_read(documents[i], strlen(documents[i]), &table, &err), SH_ERR_CORRUPT);
    }
    static const char empty[] = "{\"shoal_access\": 1, \"tokens\": []}";
    struct sh_token_table table;
    cr_assert_eq(sh_access_text_read(empty, strlen(empty), &table, &err), SH_OK, "%s", err.message);
    sh_token_table_free(&table);
}

Test(access, without_access_control_everybody_may_do_everything) {
    struct sh_principal anybody;
    cr_assert_eq(sh_access_authenticate(NULL, SH_TEXT_LITERAL("whatever"), NOW, &anybody, &err), SH_OK);
    cr_assert(anybody.names_workspace);
    for (uint32_t i = 0; i < sh_method_count(); i++)
        cr_assert_eq(sh_access_check(NULL, &anybody, sh_method_at(i), NOW, NOW, &err), SH_OK);
}

Test(rate_bucket, lets_in_its_rate_over_any_long_time_and_never_more_than_its_burst_at_once) {
    static const uint32_t cases[][2] = {{1, 1}, {3, 1}, {10, 5}, {1000, 100}, {1000000, 1000000}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sh_rate_bucket bucket = {0};
        const uint32_t rate = cases[i][0];
        const uint32_t burst = cases[i][1];
        uint64_t now_ns = 5000000000;
        uint64_t wait_ns = 0;
        uint32_t let_in = 0;
        for (uint32_t n = 0; n < burst + 1; n++)
            let_in += sh_rate_bucket_take(&bucket, rate, burst, now_ns, &wait_ns);
        cr_assert_eq(let_in, burst);
        /* Who comes when he was told to is let in, once each time. */
        const uint64_t begin_ns = now_ns;
        for (uint32_t n = 0; n < 50; n++) {
            cr_assert_not(sh_rate_bucket_take(&bucket, rate, burst, now_ns + wait_ns - 1, &wait_ns));
            now_ns += wait_ns;
            while (!sh_rate_bucket_take(&bucket, rate, burst, now_ns, &wait_ns))
                now_ns += wait_ns;
            cr_assert_not(sh_rate_bucket_take(&bucket, rate, burst, now_ns, &wait_ns));
        }
        const uint64_t coin_ns = UINT64_C(1000000000) / rate;
        cr_assert_leq(now_ns - begin_ns, 51 * coin_ns);
        cr_assert_geq(now_ns - begin_ns, 49 * coin_ns);
    }
}
