#include "json_params.h"

void json_params_write(struct shoal_client_writer *params, const json_t *value) {
    const char *key;
    const json_t *element;
    size_t i;
    void *iterator;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        shoal_client_write_map(params, (uint32_t)json_object_size(value));
        for (iterator = json_object_iter((json_t *)(uintptr_t)value); iterator != NULL;
             iterator = json_object_iter_next((json_t *)(uintptr_t)value, iterator)) {
            key = json_object_iter_key(iterator);
            shoal_client_write_literal(params, key);
            json_params_write(params, json_object_iter_value(iterator));
        }
        break;
    case JSON_ARRAY:
        shoal_client_write_array(params, (uint32_t)json_array_size(value));
        json_array_foreach(value, i, element) {
            json_params_write(params, element);
        }
        break;
    case JSON_STRING:
        shoal_client_write_text(params, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        shoal_client_write_integer(params, json_integer_value(value));
        break;
    case JSON_REAL:
        shoal_client_write_real(params, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        shoal_client_write_boolean(params, json_is_true(value));
        break;
    case JSON_NULL:
        shoal_client_write_nil(params);
        break;
    }
}
