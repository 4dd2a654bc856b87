#include "eval_config.h"

#include "json_params.h"

bool eval_config_read(const char *path, struct eval_config *config) {
    json_error_t fault;
    config->root = json_load_file(path, JSON_REJECT_DUPLICATES, &fault);
    if (config->root == NULL) {
        if (fault.line > 0)
            (void)fprintf(stderr, "shoal: %s, line %d: %s\n", path, fault.line, fault.text);
        else
            (void)fprintf(stderr, "shoal: %s\n", fault.text); /* it names the file */
        return false;
    }
    const json_t *feed = json_object_get(config->root, "feed");
    const json_t *models = json_object_get(config->root, "models");
    if ((feed != NULL && json_is_object(feed)) || (models != NULL && json_is_array(models))) return true;
    (void)fprintf(stderr, "shoal: %s is not what `shoal tune` writes: it has neither `feed` nor `models`\n", path);
    return false;
}

bool eval_config_write(const char *path, const struct eval_config *config) {
    if (json_dump_file(config->root, path, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) == 0) return true;
    (void)fprintf(stderr, "shoal: cannot write %s\n", path);
    return false;
}

bool eval_config_put(struct eval_engine *eval, const struct eval_config *config) {
    const json_t *feed = json_object_get(config->root, "feed");
    if (feed == NULL) return true;
    eval_begin(eval, 1);
    shoal_client_write_literal(eval->params, "feed");
    json_params_write(eval->params, feed);
    return eval_call(eval, "schema.put", NULL);
}

bool eval_config_load(struct session *session, const struct eval_config *config) {
    struct shoal_client_answer answer;
    const json_t *feed = json_object_get(config->root, "feed");
    const json_t *models = json_object_get(config->root, "models");
    json_t *model;
    size_t index;
    if (!session_connect(session)) return false;
    if (feed != NULL) {
        struct shoal_client_writer *params = new_params(1);
        shoal_client_write_literal(params, "feed");
        json_params_write(params, feed);
        const bool is_done = session_call(session, "schema.put", params, NULL, &answer);
        shoal_client_writer_destroy(params);
        if (!is_done) return false;
    }
    json_array_foreach(models, index, model) {
        struct shoal_client_writer *params = new_params(0);
        shoal_client_writer_clear(params);
        json_params_write(params, model);
        const bool is_done = session_call(session, "model.train", params, NULL, &answer);
        shoal_client_writer_destroy(params);
        if (!is_done) return false;
    }
    return true;
}

void eval_config_free(struct eval_config *config) {
    json_decref(config->root);
    config->root = NULL;
}
