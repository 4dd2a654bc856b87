/* train.c -- what a training is asked to do. */
#include "train.h"

#include <math.h>

static const char *const names[SH_TRAIN_METHOD_COUNT] = {"ials", "ease", "knn", "rp3"};

const char *sh_train_method_name(enum sh_train_method method) {
    return names[method];
}

enum sh_train_method sh_train_method_find(struct sh_text name) {
    uint32_t method = 0;
    while (method < SH_TRAIN_METHOD_COUNT && !sh_text_equal(name, sh_text_of(names[method])))
        method++;
    return (enum sh_train_method)method;
}

/* Chosen on validation parts of MovieLens small and a made-up shop: tools/METHODS.md. */
struct sh_train_spec sh_train_spec_default(enum sh_train_method method) {
    return (struct sh_train_spec){
        .method = method,
        .dimension = 64,
        .epochs = 10,
        .neighbours = 256,
        .unobserved = 0.1,
        .regularisation = method == SH_TRAIN_EASE ? 200 : 0.01,
        .shrink = 10,
        .alpha = 0.6,
        .beta = 0.4,
        .seed = 1,
    };
}

static bool in(double value, double low, double high) {
    return isfinite(value) && value >= low && value <= high;
}

enum sh_status sh_train_spec_check(const struct sh_train_spec *spec, struct sh_error *err) {
    const char *fault = NULL;
    if (spec->dimension < SH_TRAIN_LANES || spec->dimension > SH_FACTOR_DIMENSION_MAX ||
        spec->dimension % SH_TRAIN_LANES != 0)
        fault = "`dimensions` is a multiple of 16, at most 256";
    else if (spec->epochs < 1 || spec->epochs > SH_TRAIN_EPOCH_COUNT_MAX)
        fault = "`epochs` is 1 to 100";
    else if (spec->neighbours < 1 || spec->neighbours > SH_TRAIN_NEIGHBOUR_COUNT_MAX)
        fault = "`neighbours` is 1 to 1024";
    else if (!in(spec->unobserved, 1e-6, 1e3))
        fault = "`unobserved` is 0.000001 to 1,000";
    else if (!in(spec->regularisation, 1e-6, 1e6))
        fault = "`regularisation` is 0.000001 to 1,000,000";
    else if (!in(spec->shrink, 0, 1e6))
        fault = "`shrink` is 0 to 1,000,000";
    else if (!in(spec->alpha, 0, 4) || !in(spec->beta, 0, 4))
        fault = "`alpha` and `beta` are 0 to 4";
    if (fault == NULL) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "%s", fault);
}
_Static_assert(SH_TRAIN_LANES == 16 && SH_FACTOR_DIMENSION_MAX == 256, "as the words say");
_Static_assert(SH_TRAIN_EPOCH_COUNT_MAX == 100 && SH_TRAIN_NEIGHBOUR_COUNT_MAX == 1024, "as the words say");
