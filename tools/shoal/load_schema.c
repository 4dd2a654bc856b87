/* load_schema.c -- a mapping's names and types as the parameters of schema.put. */
#include "load.h"

static const char *const kind_keys[] = {"users", "items"};

static void write_pair(struct shoal_client_writer *params, const char *key, struct sh_text value) {
    shoal_client_write_literal(params, key);
    shoal_client_write_text(params, value.bytes, value.count);
}

static void write_field(const struct mapping_field *field, struct shoal_client_writer *params) {
    static const char *const names[] = {"bool", "int", "decimal", "time", "date", "string", "enum"};
    const bool is_decimal = field->type == MAPPING_DECIMAL;
    const bool is_enum = field->type == MAPPING_ENUM;
    shoal_client_write_map(params, 2u + is_decimal + is_enum);
    write_pair(params, "name", field->name);
    write_pair(params, "type", sh_text_of(names[field->type]));
    if (is_decimal) {
        shoal_client_write_literal(params, "scale");
        shoal_client_write_integer(params, field->scale);
    }
    if (!is_enum) return;
    shoal_client_write_literal(params, "labels");
    shoal_client_write_array(params, field->label_count);
    for (uint32_t i = 0; i < field->label_count; i++)
        shoal_client_write_text(params, field->labels[i].bytes, field->labels[i].count);
}

/* The attributes, or the tag sets, of all sections of a kind; a name that several sections have is put once. */
static void write_fields(const struct mapping *mapping, enum mapping_kind kind, bool tags,
                         struct shoal_client_writer *params) {
    const size_t list = shoal_client_begin_array(params);
    uint32_t count = 0;
    for (uint32_t s = 0; s < mapping->section_count; s++) {
        const struct mapping_section *section = &mapping->sections[s];
        for (uint32_t f = 0; section->kind == kind && f < section->field_count; f++) {
            const struct mapping_field *field = &section->fields[f];
            if ((field->type == MAPPING_TAGS) != tags || field->type == MAPPING_VECTOR) continue;
            bool seen = false;
            for (uint32_t earlier = 0; earlier < s && !seen; earlier++)
                for (uint32_t e = 0; e < mapping->sections[earlier].field_count && !seen; e++)
                    seen = mapping->sections[earlier].kind == kind &&
                           sh_text_equal(mapping->sections[earlier].fields[e].name, field->name);
            if (seen) continue;
            count++;
            if (tags) {
                shoal_client_write_map(params, 1);
                write_pair(params, "name", field->name);
            } else {
                write_field(field, params);
            }
        }
    }
    shoal_client_end(params, list, count);
}

void load_write_event_type(const struct mapping_section *section, struct sh_text name,
                           struct shoal_client_writer *params) {
    shoal_client_write_map(params, 3);
    write_pair(params, "name", name);
    shoal_client_write_literal(params, "amount_scale");
    shoal_client_write_integer(params, section->amount_scale);
    shoal_client_write_literal(params, "properties");
    shoal_client_write_array(params, section->field_count);
    for (uint32_t f = 0; f < section->field_count; f++)
        write_field(&section->fields[f], params);
}

/* What the mapping does not say stays as it is. */
static void write_privacy(const struct mapping *mapping, struct shoal_client_writer *params) {
    shoal_client_write_literal(params, "privacy");
    shoal_client_write_map(params, 0u + (mapping->purpose_count > 0) + (mapping->personal_count > 0) +
                                       mapping->purpose_required);
    if (mapping->personal_count > 0) {
        shoal_client_write_literal(params, "personal");
        shoal_client_write_array(params, mapping->personal_count);
        for (uint32_t i = 0; i < mapping->personal_count; i++)
            shoal_client_write_text(params, mapping->personal[i].bytes, mapping->personal[i].count);
    }
    if (mapping->purpose_required) {
        shoal_client_write_literal(params, "purpose_required");
        shoal_client_write_boolean(params, true);
    }
    if (mapping->purpose_count == 0) return;
    shoal_client_write_literal(params, "purposes");
    shoal_client_write_array(params, mapping->purpose_count);
    for (uint32_t i = 0; i < mapping->purpose_count; i++) {
        shoal_client_write_map(params, 2);
        write_pair(params, "name", mapping->purposes[i].name);
        write_pair(params, "unknown",
                   mapping->purposes[i].unknown_allows ? SH_TEXT_LITERAL("allow") : SH_TEXT_LITERAL("hold"));
    }
}

/* The space of vectors, which is one: the first field that has it. NULL: there is none. */
static const struct mapping_field *find_space(const struct mapping *mapping) {
    for (uint32_t s = 0; s < mapping->section_count; s++)
        for (uint32_t f = 0; f < mapping->sections[s].field_count; f++)
            if (mapping->sections[s].fields[f].type == MAPPING_VECTOR) return &mapping->sections[s].fields[f];
    return NULL;
}

void load_write_schema(const struct mapping *mapping, struct shoal_client_writer *params) {
    const bool has_eligible = mapping->eligible.count > 0;
    const bool has_diversity = mapping->diversity_attribute.count > 0;
    const bool has_listed_since = mapping->listed_since.count > 0;
    const struct mapping_field *space = find_space(mapping);
    const uint32_t feed_count = 0u + has_eligible + has_diversity + has_listed_since + (space != NULL);
    const bool has_privacy = mapping->purpose_count > 0 || mapping->personal_count > 0 || mapping->purpose_required;
    shoal_client_write_map(params, 4u + (feed_count > 0) + has_privacy);
    write_pair(params, "zone", mapping->zone);
    for (uint32_t kind = 0; kind < 2; kind++) {
        shoal_client_write_literal(params, kind_keys[kind]);
        shoal_client_write_map(params, 2);
        shoal_client_write_literal(params, "attributes");
        write_fields(mapping, (enum mapping_kind)kind, false, params);
        shoal_client_write_literal(params, "tag_sets");
        write_fields(mapping, (enum mapping_kind)kind, true, params);
    }
    shoal_client_write_literal(params, "events");
    const size_t list = shoal_client_begin_array(params);
    uint32_t count = 0;
    for (uint32_t s = 0; s < mapping->section_count; s++) {
        const struct mapping_section *section = &mapping->sections[s];
        if (section->kind != MAPPING_EVENTS || !section->type.is_constant) continue;
        load_write_event_type(section, section->type.constant, params);
        count++;
    }
    shoal_client_end(params, list, count);
    if (has_privacy) write_privacy(mapping, params);
    if (feed_count == 0) return;
    shoal_client_write_literal(params, "feed");
    shoal_client_write_map(params, feed_count);
    if (has_eligible) write_pair(params, "eligible", mapping->eligible);
    if (has_listed_since) write_pair(params, "listed_since", mapping->listed_since);
    if (space != NULL) {
        shoal_client_write_literal(params, "vectors");
        shoal_client_write_map(params, 2);
        write_pair(params, "space", space->name);
        shoal_client_write_literal(params, "dimension");
        shoal_client_write_integer(params, space->dimension);
    }
    if (!has_diversity) return;
    shoal_client_write_literal(params, "diversity");
    shoal_client_write_map(params, 3);
    write_pair(params, "attribute", mapping->diversity_attribute);
    shoal_client_write_literal(params, "count");
    shoal_client_write_integer(params, mapping->diversity_count);
    shoal_client_write_literal(params, "window");
    shoal_client_write_integer(params, mapping->diversity_window);
}
