#include "explain_program.h"

#include <stdio.h>

#include "memory.h"

/* ---- For people ---- */

/* 1234567 -> "1,234,567". Returns the text's start inside room. */
static const char *with_commas(uint64_t number, char room[32]) {
    char *at = room + 31;
    uint32_t digits = 0;
    *at = '\0';
    do {
        if (digits > 0 && digits % 3 == 0) *--at = ',';
        *--at = (char)('0' + number % 10);
        number /= 10;
        digits++;
    } while (number > 0);
    return at;
}

static void print_time(struct sh_buffer *text, double ns) {
    if (ns < 1e3)
        sh_buffer_print(text, "%9.0f ns", ns);
    else if (ns < 1e6)
        sh_buffer_print(text, "%9.1f us", ns / 1e3);
    else
        sh_buffer_print(text, "%9.2f ms", ns / 1e6);
}

void sh_explain_print(const struct sh_explain_program *program, struct sh_buffer *text) {
    char room[32];
    sh_buffer_print(text, "%14s %12s", "expected", "cost");
    if (program->is_measured) sh_buffer_print(text, " %14s %12s %7s %7s", "left", "took", "blocks", "skipped");
    sh_buffer_print(text, "   program\n");
    for (uint32_t i = 0; i < program->line_count; i++) {
        const struct sh_plan_line *line = &program->lines[i];
        sh_buffer_print(text, "%14s ", with_commas(line->estimate, room));
        print_time(text, line->cost_ns);
        if (program->is_measured) {
            sh_buffer_print(text, " %14s ", with_commas(line->rows, room));
            print_time(text, (double)line->took_ns);
            sh_buffer_print(text, " %7u %7u", line->blocks_run, line->blocks_skipped);
        }
        sh_buffer_print(text, "   %*s%.*s", (int)line->depth * 2, "", SH_TEXT_ARGS(line->operation));
        if (line->clause.count > 0) sh_buffer_print(text, ": %.*s", SH_TEXT_ARGS(line->clause));
        sh_buffer_print(text, "\n");
    }
}

/* ---- For programs ---- */

static void pack_line(const struct sh_plan_line *line, bool is_measured, msgpack_packer *packer) {
    (void)msgpack_pack_map(packer, is_measured ? 9 : 5);
    sh_pack_literal(packer, "depth");
    (void)msgpack_pack_uint32(packer, line->depth);
    sh_pack_literal(packer, "operation");
    sh_pack_text(packer, line->operation);
    sh_pack_literal(packer, "clause");
    sh_pack_text(packer, line->clause);
    sh_pack_literal(packer, "cost_us");
    (void)msgpack_pack_double(packer, line->cost_ns / 1e3);
    sh_pack_literal(packer, "estimate");
    (void)msgpack_pack_uint64(packer, line->estimate);
    if (!is_measured) return;
    sh_pack_literal(packer, "rows");
    (void)msgpack_pack_uint64(packer, line->rows);
    sh_pack_literal(packer, "took_us");
    (void)msgpack_pack_double(packer, (double)line->took_ns / 1e3);
    sh_pack_literal(packer, "blocks_run");
    (void)msgpack_pack_uint32(packer, line->blocks_run);
    sh_pack_literal(packer, "blocks_skipped");
    (void)msgpack_pack_uint32(packer, line->blocks_skipped);
}

void sh_explain_pack(const struct sh_explain_program *program, msgpack_packer *packer) {
    sh_pack_literal(packer, "lines");
    (void)msgpack_pack_array(packer, program->line_count);
    for (uint32_t i = 0; i < program->line_count; i++)
        pack_line(&program->lines[i], program->is_measured, packer);
}

static void read_line(const struct sh_answer_list *list, struct sh_explain_program *program) {
    struct sh_answer_map map;
    const struct sh_answer_pair pair = {.begin = list->begin, .end = list->end};
    sh_answer_map_read(&map, &pair);
    program->is_measured = sh_answer_map_find(&map, "rows") != NULL;
    program->lines[program->line_count++] =
        (struct sh_plan_line){.depth = (uint32_t)sh_answer_map_uint(&map, "depth"),
                              .operation = sh_answer_map_text(&map, "operation"),
                              .clause = sh_answer_map_text(&map, "clause"),
                              .cost_ns = sh_answer_map_real(&map, "cost_us") * 1e3,
                              .estimate = sh_answer_map_uint(&map, "estimate"),
                              .rows = sh_answer_map_uint(&map, "rows"),
                              .took_ns = (uint64_t)(sh_answer_map_real(&map, "took_us") * 1e3 + 0.5),
                              .blocks_run = (uint32_t)sh_answer_map_uint(&map, "blocks_run"),
                              .blocks_skipped = (uint32_t)sh_answer_map_uint(&map, "blocks_skipped")};
}

static enum sh_status read_program(const struct sh_answer_map *answer, struct sh_explain_program *program,
                                   struct sh_error *err) {
    struct sh_answer_list list;
    sh_answer_list_begin(&list, sh_answer_map_find(answer, "lines"));
    *program = (struct sh_explain_program){0};
    program->lines = sh_alloc(((size_t)list.left + 1) * sizeof *program->lines);
    if (program->lines == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory");
    while (sh_answer_list_next(&list))
        read_line(&list, program);
    return SH_OK;
}

/* ---- Several shards' programs as one ---- */

/* Where the children of a line, or its later siblings' tree, end. */
static uint32_t end_of(const struct sh_explain_program *program, uint32_t line) {
    uint32_t end = line + 1;
    while (end < program->line_count && program->lines[end].depth > program->lines[line].depth)
        end++;
    return end;
}

static void add_line(struct sh_plan_line *sum, const struct sh_plan_line *line) {
    sum->estimate += line->estimate;
    sum->rows += line->rows;
    sum->blocks_run += line->blocks_run;
    sum->blocks_skipped += line->blocks_skipped;
    if (line->cost_ns > sum->cost_ns) sum->cost_ns = line->cost_ns;
    if (line->took_ns > sum->took_ns) sum->took_ns = line->took_ns;
}

/* The child of a line of that clause, or line_count. */
static uint32_t find_child(const struct sh_explain_program *program, uint32_t parent, struct sh_text clause) {
    const uint32_t end = end_of(program, parent);
    for (uint32_t child = parent + 1; child < end; child = end_of(program, child)) {
        if (sh_text_equal(program->lines[child].clause, clause)) return child;
    }
    return program->line_count;
}

/* A line of `other` and all below it into the line of `sum` that is the same. */
static void add_tree(struct sh_explain_program *sum, uint32_t line, const struct sh_explain_program *other,
                     uint32_t other_line) {
    add_line(&sum->lines[line], &other->lines[other_line]);
    const uint32_t end = end_of(sum, line);
    for (uint32_t child = line + 1; child < end; child = end_of(sum, child)) {
        const uint32_t found = find_child(other, other_line, sum->lines[child].clause);
        if (found < other->line_count) add_tree(sum, child, other, found);
    }
}

enum sh_status sh_explain_merge(const struct sh_answer_map *answers, uint32_t answer_count,
                                struct sh_explain_program *merged, struct sh_error *err) {
    enum sh_status status;
    uint32_t longest = 0;
    uint32_t longest_count = 0;
    for (uint32_t i = 0; i < answer_count; i++) {
        struct sh_answer_list list;
        sh_answer_list_begin(&list, sh_answer_map_find(&answers[i], "lines"));
        if (list.left <= longest_count) continue;
        longest = i;
        longest_count = list.left;
    }
    if ((status = read_program(&answers[longest], merged, err)) != SH_OK) return status;
    for (uint32_t i = 0; i < answer_count && status == SH_OK; i++) {
        struct sh_explain_program other;
        if (i == longest) continue;
        if ((status = read_program(&answers[i], &other, err)) == SH_OK) add_tree(merged, 0, &other, 0);
        sh_free(other.lines);
    }
    if (status == SH_OK) return SH_OK;
    sh_free(merged->lines);
    *merged = (struct sh_explain_program){0};
    return status;
}
