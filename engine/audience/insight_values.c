/* insight_values.c -- what the table says of a crowd: its tags, values and numbers. */
#include "insight_private.h"
#include "memory.h"
#include "prefetch.h"

enum {
    LIST_BATCH = 256,
    PREFETCH_CELLS = 16,
    PREFETCH_LISTS = 8, /* about 100 ns of other rows' work, a miss */
};

/* What a user's list of tags costs, a tag's block of bits, the visit of any block, and an entry of a list. They choose
 * the way, never the answer. */
#define TAG_LIST_NS  15.0
#define TAG_BITS_NS  90.0
#define TAG_VISIT_NS 12.0
#define TAG_ENTRY_NS 0.4

/* ---- Room ---- */

static uint32_t code_count_of(const struct sh_insight *insight, const struct sh_look *look) {
    const struct sh_table *table = insight->scope->table;
    if (look->spec.kind == SH_LOOK_TAGS) return sh_table_tag_count(table, look->spec.index);
    const struct sh_attribute *attribute = sh_table_attribute(table, look->spec.index);
    return attribute->type == SH_TYPE_BOOL ? 2 : sh_dictionary_count(&attribute->texts);
}

/* Crossing an average block with every tag's bitmap. */
static double tag_block_ns(const struct sh_table *table, uint32_t tag_set) {
    double ns = 0;
    const uint32_t block_count = sh_bitmap_block_count(sh_table_live(table));
    for (uint32_t tag = 0; tag < sh_table_tag_count(table, tag_set); tag++) {
        const double entries =
            (double)sh_bitmap_count(sh_table_tag_slots(table, tag_set, tag)) / (block_count == 0 ? 1 : block_count);
        ns += TAG_VISIT_NS + (entries > SH_ARRAY_COUNT_FAST ? TAG_BITS_NS : entries * TAG_ENTRY_NS);
    }
    return ns;
}

/* The bounds that a column's blocks keep; low > high if nothing is there. */
static void column_bounds(const struct sh_column *column, int64_t *low, int64_t *high) {
    *low = INT64_MAX;
    *high = INT64_MIN;
    for (uint32_t block = 0; block < column->block_count; block++) {
        const struct sh_strip *strip = sh_column_block(column, block);
        if (strip == NULL || strip->min > strip->max) continue;
        if (strip->min < *low) *low = strip->min;
        if (strip->max > *high) *high = strip->max;
    }
}

enum sh_status sh_look_prepare_values(struct sh_insight *insight, uint32_t number, struct sh_error *err) {
    struct sh_look *look = &insight->looks[number];
    enum sh_status status = SH_OK;
    if (look->spec.kind == SH_LOOK_CROSS) return sh_tally_init(&look->numbers, 1, 0, 1);
    if (look->spec.kind == SH_LOOK_NUMBERS) {
        const struct sh_attribute *attribute = sh_table_attribute(insight->scope->table, look->spec.index);
        int64_t low, high;
        column_bounds(&attribute->column, &low, &high);
        status = sh_tally_init(&look->numbers, low, high, attribute->is_date ? SH_DAY_MS : 1);
    } else {
        look->code_count = code_count_of(insight, look);
        if (look->code_count > SH_INSIGHT_VALUE_COUNT_MAX)
            return sh_fail(err, SH_ERR_LIMIT, -1,
                           "`dimensions`, number %u, has %u different values; at most %d can be "
                           "counted",
                           number, look->code_count, SH_INSIGHT_VALUE_COUNT_MAX);
        look->users = sh_alloc_zero(((size_t)look->code_count + 1) * sizeof *look->users);
        if (look->spec.has_base) look->base = sh_alloc_zero(((size_t)look->code_count + 1) * sizeof *look->base);
        if (look->users == NULL || (look->spec.has_base && look->base == NULL)) status = SH_ERR_MEMORY;
        if (look->spec.kind == SH_LOOK_TAGS)
            insight->tag_block_ns[number] = tag_block_ns(insight->scope->table, look->spec.index);
    }
    return status == SH_OK ? SH_OK : sh_fail(err, status, -1, "out of memory for counting values");
}

/* ---- Tags ---- */

/* Add `by` for each tag of the slots that are set. A list is two misses, asked for ahead. */
static void count_lists(struct sh_insight *insight, const struct sh_look *look, uint32_t block,
                        struct sh_block_view view, uint64_t by, uint64_t *counts) {
    const struct sh_table *table = insight->scope->table;
    const uint32_t tag_set = look->spec.index;
    const uint32_t base = block * (uint32_t)SH_BLOCK_SLOTS;
    for (uint32_t from = 0, listed = LIST_BATCH; listed == LIST_BATCH;) {
        uint32_t slots[LIST_BATCH];
        listed = sh_block_list_from(view, from, base, slots, LIST_BATCH);
        for (uint32_t i = 0; i < listed + PREFETCH_CELLS; i++) {
            if (i < listed) sh_table_prefetch_tag_cell(table, tag_set, slots[i]);
            if (i >= PREFETCH_LISTS && i - PREFETCH_LISTS < listed)
                sh_table_prefetch_tags(table, tag_set, slots[i - PREFETCH_LISTS]);
            if (i < PREFETCH_CELLS) continue;
            struct sh_tag_list tags;
            sh_table_tags(table, slots[i - PREFETCH_CELLS], tag_set, &tags);
            for (uint32_t t = 0; t < tags.count; t++)
                if (tags.codes[t] < look->code_count) counts[tags.codes[t]] += by;
        }
        from = listed == 0 ? 0 : slots[listed - 1] - base + 1;
    }
}

/* The blocks of all tags lie anywhere: ask for the head of a tag to come, and for what the head of a nearer one says.
 */
SH_PREFETCHER void prefetch_tag(const struct sh_table *table, const struct sh_look *look, uint32_t block,
                                uint32_t tag) {
    const uint32_t far = tag + PREFETCH_CELLS;
    const uint32_t near = tag + PREFETCH_LISTS;
    if (far < look->code_count) {
        const struct sh_bitmap *slots = sh_table_tag_slots(table, look->spec.index, far);
        if (block < slots->block_count) __builtin_prefetch(&slots->blocks[block]);
    }
    if (near < look->code_count) {
        const struct sh_block_view view = sh_bitmap_block(sh_table_tag_slots(table, look->spec.index, near), block);
        if (view.memory == NULL) return;
        __builtin_prefetch(view.memory);
        __builtin_prefetch((const uint8_t *)view.memory + 64);
    }
}

static void count_kept(const struct sh_table *table, const struct sh_look *look, uint32_t block, uint64_t *counts) {
    for (uint32_t tag = 0; tag < look->code_count; tag++) {
        const uint32_t far = tag + PREFETCH_CELLS;
        if (far < look->code_count && block < sh_table_tag_slots(table, look->spec.index, far)->block_count)
            __builtin_prefetch(&sh_table_tag_slots(table, look->spec.index, far)->blocks[block]);
        counts[tag] += sh_bitmap_block(sh_table_tag_slots(table, look->spec.index, tag), block).count;
    }
}

static void cross_bitmaps(const struct sh_table *table, const struct sh_look *look, const struct sh_crowd *crowd,
                          uint64_t *counts) {
    const struct sh_block_view view = sh_block_of_words(crowd->words, crowd->view.count);
    for (uint32_t tag = 0; tag < look->code_count; tag++) {
        prefetch_tag(table, look, crowd->block, tag);
        const struct sh_block_view slots =
            sh_bitmap_block(sh_table_tag_slots(table, look->spec.index, tag), crowd->block);
        if (slots.count > 0) counts[tag] += sh_block_and_count(slots, view);
    }
}

void sh_look_tags(struct sh_insight *insight, uint32_t number, const struct sh_crowd *crowd, uint64_t *counts) {
    const struct sh_table *table = insight->scope->table;
    const struct sh_look *look = &insight->looks[number];
    const double bitmaps_ns = insight->tag_block_ns[number];
    const uint32_t others = crowd->live.count - crowd->view.count;
    if (crowd->view.count * TAG_LIST_NS <= bitmaps_ns) {
        count_lists(insight, look, crowd->block, crowd->view, 1, counts);
    } else if (others * TAG_LIST_NS <= bitmaps_ns) {
        count_kept(table, look, crowd->block, counts);
        if (others == 0) return;
        sh_block_store(crowd->live, insight->work);
        sh_bits->andnot_into(insight->work, crowd->words, SH_BLOCK_WORDS);
        /* Less one each. */
        count_lists(insight, look, crowd->block, sh_block_of_words(insight->work, others), UINT64_MAX, counts);
    } else {
        cross_bitmaps(table, look, crowd, counts);
    }
}

/* ---- Values and numbers ---- */

void sh_look_values(const struct sh_insight *insight, struct sh_look *look, const struct sh_crowd *crowd,
                    uint64_t *counts) {
    const struct sh_attribute *attribute = sh_table_attribute(insight->scope->table, look->spec.index);
    const struct sh_strip *strip = sh_column_block(&attribute->column, crowd->block);
    uint64_t missing = crowd->view.count;
    for (uint32_t i = 0; strip != NULL && i < crowd->view.count; i++) {
        int64_t value;
        if (!sh_strip_get(strip, crowd->places[i], &value)) continue;
        missing--;
        if ((uint64_t)value < look->code_count) counts[value]++;
    }
    if (counts == look->users) look->missing_users += missing;
}

enum sh_status sh_look_numbers(const struct sh_insight *insight, struct sh_look *look, const struct sh_crowd *crowd) {
    const struct sh_attribute *attribute = sh_table_attribute(insight->scope->table, look->spec.index);
    const struct sh_strip *strip = sh_column_block(&attribute->column, crowd->block);
    uint64_t missing = crowd->view.count;
    for (uint32_t i = 0; strip != NULL && i < crowd->view.count; i++) {
        int64_t value;
        if (!sh_strip_get(strip, crowd->places[i], &value)) continue;
        missing--;
        const enum sh_status status = sh_tally_add(&look->numbers, value);
        if (status != SH_OK) return status;
    }
    look->missing_users += missing;
    return SH_OK;
}

void sh_look_base_of_all(const struct sh_insight *insight, struct sh_look *look) {
    const struct sh_table *table = insight->scope->table;
    if (look->spec.kind == SH_LOOK_TAGS) {
        for (uint32_t tag = 0; tag < look->code_count; tag++)
            look->base[tag] = sh_bitmap_count(sh_table_tag_slots(table, look->spec.index, tag));
        return;
    }
    const struct sh_attribute *attribute = sh_table_attribute(table, look->spec.index);
    if (attribute->has_value_bitmaps) {
        for (uint32_t code = 0; code < look->code_count; code++) {
            const struct sh_bitmap *slots = sh_attribute_value_slots(attribute, code);
            look->base[code] = slots == NULL ? 0 : sh_bitmap_count(slots);
        }
        return;
    }
    for (uint32_t block = 0; block < attribute->column.block_count; block++) {
        const struct sh_strip *strip = sh_column_block(&attribute->column, block);
        for (uint32_t i = 0; strip != NULL && i < strip->count; i++) { /* only live rows have values */
            int64_t value;
            if (sh_strip_get(strip, i, &value) && (uint64_t)value < look->code_count) look->base[value]++;
        }
    }
}

/* ---- Crosses ---- */

/* A slot's codes on one axis; a value is put into tags->held. None is one code, SH_CODE_NONE, in *single. */
static uint32_t axis_codes(const struct sh_table *table, const struct sh_look_axis *axis, uint32_t slot,
                           struct sh_tag_list *tags, uint32_t *single) {
    int64_t value;
    *single = SH_CODE_NONE;
    if (!axis->is_tag_set) {
        if (sh_table_get(table, slot, axis->index, &value)) *single = (uint32_t)value;
        return 1;
    }
    sh_table_tags(table, slot, axis->index, tags);
    if (tags->count == 1) *single = tags->codes[0];
    return tags->count < 2 ? 1 : tags->count;
}

enum sh_status sh_look_cross(const struct sh_insight *insight, struct sh_look *look, const struct sh_crowd *crowd) {
    const struct sh_table *table = insight->scope->table;
    for (uint32_t i = 0; i < crowd->view.count; i++) {
        const uint32_t slot = crowd->block * (uint32_t)SH_BLOCK_SLOTS + crowd->places[i];
        struct sh_tag_list tags[2];
        uint32_t single[2];
        const uint32_t rows = axis_codes(table, &look->spec.axes[0], slot, &tags[0], &single[0]);
        const uint32_t columns = axis_codes(table, &look->spec.axes[1], slot, &tags[1], &single[1]);
        for (uint32_t r = 0; r < rows; r++) {
            const uint64_t row = rows == 1 ? single[0] : tags[0].codes[r];
            for (uint32_t c = 0; c < columns; c++) {
                const uint32_t column = columns == 1 ? single[1] : tags[1].codes[c];
                const enum sh_status status = sh_tally_add_sparse(&look->numbers, (int64_t)(row << 32 | column), 1);
                if (status != SH_OK) return status;
            }
        }
    }
    return SH_OK;
}
