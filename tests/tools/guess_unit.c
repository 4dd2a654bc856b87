#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "guess.h"
#include "mapping.h"

/* The proposal for a file of this content, and it must be a mapping. */
static char *guess(const char *ending, const char *content) {
    char path[64];
    (void)snprintf(path, sizeof path, "/tmp/guess_unit.XXXXXX%s", ending);
    const int descriptor = mkstemps(path, (int)strlen(ending));
    cr_assert_geq(descriptor, 0);
    cr_assert_eq(write(descriptor, content, strlen(content)), (ssize_t)strlen(content));
    close(descriptor);
    char *shown = NULL;
    size_t shown_bytes = 0;
    FILE *out = open_memstream(&shown, &shown_bytes);
    struct sh_error err;
    const enum sh_status status = guess_mapping(path, out, &err);
    if (status != SH_OK) (void)fputs(err.message, out);
    (void)fclose(out);
    unlink(path);
    if (status != SH_OK) return shown;
    struct sh_arena arena;
    struct mapping mapping;
    sh_arena_init(&arena, 1 << 20);
    cr_assert_eq(mapping_parse(sh_text_of(shown), &arena, &mapping, &err), SH_OK, "%s\n%s", err.message, shown);
    sh_arena_deinit(&arena);
    return shown;
}

/* Everything behind the name of the file, which is another one each time. */
static void expect(const char *ending, const char *content, const char *kind, const char *wanted) {
    char *shown = guess(ending, content);
    char section[40];
    (void)snprintf(section, sizeof section, "\n\n[%s]\nfile = \"", kind);
    cr_assert_not_null(strstr(shown, section), "%s", shown);
    const char *behind = strchr(strstr(shown, "file = ") + 1, '\n') + 1;
    cr_assert_str_eq(behind, wanted);
    free(shown);
}

Test(guess, users_have_an_id_and_attributes_of_the_narrowest_type) {
    expect(".csv",
           "uid,name,vip,points,balance,birthday,joined,phone,likes,empty\n"
           "u1,\xE7\x8E\x8B,true,10,1.50,1990-01-02,2024-01-02 03:04:05,0123,a|b,\n"
           "u2,Li,false,-3,2,1991-01-02,2024-01-02 03:04:06,0124,a,\n"
           "u3,Li,,4,,,,0125,c|a,\n",
           "users",
           "id = uid\n"
           "name : string = name\n#   for example \xE7\x8E\x8B; 2 different values seen\n"
           "vip : bool = vip\n#   for example true; 2 different values seen\n"
           "points : int = points\n#   for example 10; 3 different values seen\n"
           "balance : decimal(2) = balance\n#   for example 1.50; 2 different values seen\n"
           "birthday : date = birthday\n#   for example 1990-01-02; 2 different values seen\n"
           "joined : time = joined\n#   for example 2024-01-02 03:04:05; 2 different values seen\n"
           "phone : string = phone\n#   for example 0123; 3 different values seen\n"
           "likes : tags('|') = likes\n#   for example a|b; 3 different values seen\n"
           "empty : string = empty\n");
}

Test(guess, events_have_a_user_and_a_time) {
    expect(".csv",
           "order_id,user_id,action,item_id,ts,amount,shop\n"
           "o1,u1,view,i1,1293937445123,,a\no2,u1,buy,i1,1293937445124,1.25,b\no3,u2,view,i2,1293937445125,,a\n",
           "events",
           "user = user_id\ntime = ts ms\ntype = action\nitem = item_id\namount : decimal(2) = amount\n"
           "order_id : string = order_id\n#   for example o1; 3 different values seen\n"
           "shop : string = shop\n#   for example a; 2 different values seen\n");
    expect(".csv", "customer,order_date,total\nc1,2024-01-02,5\nc1,2024-01-03,6\n", "events",
           "user = customer\ntime = order_date\ntype = 'purchase'   # every row is one of these\n"
           "amount : decimal(0) = total\n");
    expect(".csv", "member,time\nm1,1293937445\nm1,1293937446\n", "events",
           "user = member\ntime = time s\ntype = 'purchase'   # every row is one of these\n");
}

Test(guess, items_have_a_price_or_a_title) {
    expect(".csv", "sku,title,price\ns1,Tea,1.5\ns2,Tea,2\n", "items",
           "id = sku\ntitle : string = title\n#   for example Tea; 1 different values seen\n"
           "price : decimal(1) = price\n#   for example 1.5; 2 different values seen\n");
}

Test(guess, finds_the_delimiter_that_the_header_has) {
    expect(".csv", "a;b;c,d\n1;x;2\n2;x;3\n", "users",
           "delimiter = ';'\nid = a\nb : string = b\n#   for example x; 1 different values seen\n"
           "\"c,d\" : int = \"c,d\"\n#   for example 2; 2 different values seen\n");
    expect(".csv", "a\tb\n1\t2\n", "users",
           "delimiter = tab\nid = a\nb : int = b\n#   for example 2; 1 different values seen\n");
    expect(".tsv", "a\tb\n1\t2\n", "users", "id = a\nb : int = b\n#   for example 2; 1 different values seen\n");
    expect(".csv", "\"a;b;c\",d\n1,2\n", "users",
           "id = \"a;b;c\"\nd : int = d\n#   for example 2; 1 different values seen\n");
}

Test(guess, quotes_names_and_renames_those_that_are_taken) {
    expect(".csv",
           "key,id,a b,-x,\"q\"\"q\",it's,[z],dup,dup,,\"l\nf\"\n1,1,1,1,1,1,1,1,1,1,1\n2,1,1,1,1,1,1,1,1,1,1\n",
           "users",
           "id = key\n"
           "the_id : int = id\n#   for example 1; 1 different values seen\n"
           "\"a b\" : int = \"a b\"\n#   for example 1; 1 different values seen\n"
           "\"-x\" : int = \"-x\"\n#   for example 1; 1 different values seen\n"
           "\"q\"\"q\" : int = \"q\"\"q\"\n#   for example 1; 1 different values seen\n"
           "\"it's\" : int = \"it's\"\n#   for example 1; 1 different values seen\n"
           "\"[z]\" : int = \"[z]\"\n#   for example 1; 1 different values seen\n"
           "dup : int = dup\n#   for example 1; 1 different values seen\n"
           "# a name stands twice in the header: rename it with columns = a, b, c\n"
           "# a column has no name, or one of several lines: rename it with columns = a, b, c\n"
           "# a column has no name, or one of several lines: rename it with columns = a, b, c\n");
}

Test(guess, samples_stay_in_their_comment) {
    char content[400] = "key,s\n1,\"a\nb = c\"\n";
    char *shown = guess(".csv", content);
    cr_assert_not_null(strstr(shown, "#   for example a b = c; 1"), "%s", shown);
    free(shown);
    strcpy(content, "key,s\n1,");
    for (uint32_t i = 0; i < 30; i++)
        strcat(content, "\xE6\x88\x90");
    strcat(content, "\n");
    free(guess(".csv", content));
    free(guess(".csv", "key,s\n1,\xD6\xD0\n"));
}

Test(guess, json_lines_have_the_names_of_their_first_object) {
    expect(".jsonl", "{\"uid\": \"u1\", \"n\": 1.5, \"likes\": [\"a\"]}\n{\"uid\": \"u2\", \"n\": 2, \"likes\": []}\n",
           "users",
           "id = uid\nn : decimal(1) = n\n#   for example 1.5; 2 different values seen\n"
           "likes : tags('|') = likes\n#   for example a list; 0 different values seen\n");
}

Test(guess, what_has_no_records_is_told) {
    char *shown = guess(".csv", "a,b\n");
    cr_assert_not_null(strstr(shown, "has no records"), "%s", shown);
    free(shown);
    shown = guess(".csv", "");
    cr_assert_not_null(strstr(shown, "is empty; a header line is needed"), "%s", shown);
    free(shown);
    shown = guess(".jsonl", "");
    cr_assert_not_null(strstr(shown, "has no records"), "%s", shown);
    free(shown);
    struct sh_error err;
    cr_assert_eq(guess_mapping("-", stdout, &err), SH_ERR_ARGUMENT);
    cr_assert_eq(guess_mapping("/nowhere/x.csv", stdout, &err), SH_ERR_IO);
}
