/* methods_client.c -- client.numbers: which numbered writes of a client were done (repeats.h).
 *
 * A client that makes its numbers from a place in its source (an offset in a file, in a Kafka partition) and has lost its
 * own memory finds its place again: the highest number is of the write that was sent last. Whether every shard did that
 * one, nobody needs to know: sent again under its number it is done where it was not.
 */
#include "merge_numbers.h"
#include "repeats.h"
#include "shard_private.h"

enum { NUMBER_COUNT = 16 };
static const char *const words[] = {"client", "count"};

static enum sh_status read_count(const struct sh_param *param, int64_t *count, struct sh_error *err) {
    return sh_param_integer(param, "count", 1, SH_CLIENT_SEQ_COUNT_MAX, count, err);
}

enum sh_status sh_handle_client_numbers(struct sh_call *call, struct sh_error *err) {
    struct sh_param params[2];
    struct sh_text client;
    int64_t count = NUMBER_COUNT;
    enum sh_status status;
    if ((status = sh_call_params(call, words, 2, params, err)) != SH_OK) return status;
    if ((status = sh_param_require(&params[0], "client", err)) != SH_OK) return status;
    if ((status = sh_param_text(&params[0], "client", &client, err)) != SH_OK) return status;
    if (client.count == 0 || client.count > SH_NAME_BYTES_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`client` has 1 to %d bytes", SH_NAME_BYTES_MAX);
    if ((status = read_count(&params[1], &count, err)) != SH_OK) return status;
    uint32_t done_count;
    const struct sh_repeat *done =
        sh_repeats_done(&call->shard->repeats, call->request->workspace, client, &done_count);
    const uint32_t told_count = done_count < count ? done_count : (uint32_t)count;
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 1);
    sh_pack_literal(&packer, "numbers");
    (void)msgpack_pack_array(&packer, told_count);
    for (uint32_t i = 1; i <= told_count; i++)
        (void)msgpack_pack_uint64(&packer, done[done_count - i].seq);
    return SH_OK;
}

/* Every shard's highest ones hold the highest ones of all. */
enum sh_status sh_merge_numbers(const struct sh_request *request, const struct sh_answer_map *maps, uint32_t part_count,
                                struct sh_buffer *merged, struct sh_error *err) {
    static const struct sh_param_names names = {.names = words, .count = 2};
    struct sh_param params[2];
    struct sh_answer_list lists[SH_SHARD_COUNT_MAX];
    bool has_more[SH_SHARD_COUNT_MAX];
    uint64_t numbers[SH_CLIENT_SEQ_COUNT_MAX];
    int64_t wanted = NUMBER_COUNT;
    uint32_t count = 0;
    enum sh_status status = sh_params_read(request->params, request->params_count, &names, params, NULL, err);
    if (status == SH_OK) status = read_count(&params[1], &wanted, err);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < part_count; i++) {
        sh_answer_list_begin(&lists[i], sh_answer_map_find(&maps[i], "numbers"));
        has_more[i] = sh_answer_list_next(&lists[i]);
    }
    while (count < wanted) {
        uint64_t highest = 0; /* numbers begin with 1 */
        for (uint32_t i = 0; i < part_count; i++) {
            if (!has_more[i]) continue;
            const uint64_t number = (uint64_t)sh_answer_list_value(&lists[i]).integer;
            if (number > highest) highest = number;
        }
        if (highest == 0) break;
        numbers[count++] = highest;
        for (uint32_t i = 0; i < part_count; i++) {
            if (has_more[i] && (uint64_t)sh_answer_list_value(&lists[i]).integer == highest)
                has_more[i] = sh_answer_list_next(&lists[i]);
        }
    }
    msgpack_packer packer;
    sh_buffer_packer(merged, &packer);
    (void)msgpack_pack_map(&packer, 2); /* took_us is to follow */
    sh_pack_literal(&packer, "numbers");
    (void)msgpack_pack_array(&packer, count);
    for (uint32_t i = 0; i < count; i++)
        (void)msgpack_pack_uint64(&packer, numbers[i]);
    return SH_OK;
}
