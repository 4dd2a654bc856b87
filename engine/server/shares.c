#include "shares.h"

#include <string.h>

#include "bounds.h"
#include "memory.h"

void sh_shares_init(struct sh_shares *shares) {
    *shares = (struct sh_shares){0};
}

void sh_shares_deinit(struct sh_shares *shares) {
    while (shares->first != NULL) {
        struct sh_share *share = shares->first;
        shares->first = share->next;
        if (share != &shares->rest) sh_free(share);
    }
}

static struct sh_share *find(const struct sh_shares *shares, struct sh_text workspace) {
    for (struct sh_share *share = shares->first; share != NULL; share = share->next)
        if (sh_text_equal((struct sh_text){share->workspace, share->workspace_count}, workspace)) return share;
    return NULL;
}

static bool is_there(const struct sh_shares *shares, const struct sh_share *wanted) {
    for (const struct sh_share *share = shares->first; share != NULL; share = share->next)
        if (share == wanted) return true;
    return false;
}

/* The workspace's share, which begins at the least of those that are there. */
static struct sh_share *share_of(struct sh_shares *shares, struct sh_text workspace) {
    struct sh_share *share = find(shares, workspace);
    if (share != NULL) return share;
    share = sh_alloc_zero(sizeof *share);
    if (share == NULL) {
        share = &shares->rest;
        if (is_there(shares, share)) return share;
        *share = (struct sh_share){0};
    } else {
        share->workspace_count = (uint32_t)workspace.count;
        memcpy(share->workspace, workspace.bytes, workspace.count);
    }
    share->used_ns = shares->first == NULL ? 0 : UINT64_MAX;
    for (const struct sh_share *other = shares->first; other != NULL; other = other->next)
        if (other->used_ns < share->used_ns) share->used_ns = other->used_ns;
    share->next = shares->first;
    shares->first = share;
    return share;
}

static void drop_if_idle(struct sh_shares *shares, struct sh_share *idle) {
    if (idle->jobs.count > 0 || idle->waiting.count > 0) return;
    for (struct sh_share **at = &shares->first; *at != NULL; at = &(*at)->next) {
        if (*at != idle) continue;
        *at = idle->next;
        if (idle != &shares->rest) sh_free(idle);
        return;
    }
}

void sh_shares_add_job(struct sh_shares *shares, struct sh_errand *errand) {
    sh_errand_push(&share_of(shares, errand->request.workspace)->jobs, errand);
    shares->job_count++;
}

void sh_shares_add_waiting(struct sh_shares *shares, struct sh_errand *errand) {
    sh_errand_push(&share_of(shares, errand->request.workspace)->waiting, errand);
    shares->wait_count++;
}

static bool has_room(const struct sh_shares *shares, const struct sh_share *share) {
    if (shares->job_count < SH_JOB_COUNT_MAX) return true;
    return shares->job_count < 2 * SH_JOB_COUNT_MAX && (share == NULL || share->jobs.count == 0);
}

bool sh_shares_may_begin(const struct sh_shares *shares, struct sh_text workspace) {
    const struct sh_share *share = find(shares, workspace);
    return (share == NULL || share->waiting.count == 0) && has_room(shares, share);
}

static bool can_begin(const struct sh_shares *shares, const struct sh_share *share, bool begins) {
    return begins && share->waiting.count > 0 && has_room(shares, share);
}

struct sh_errand *sh_shares_next(struct sh_shares *shares, bool begins, bool *is_new) {
    struct sh_share *least = NULL;
    for (struct sh_share *share = shares->first; share != NULL; share = share->next) {
        if (share->jobs.count == 0 && !can_begin(shares, share, begins)) continue;
        if (least == NULL || share->used_ns < least->used_ns) least = share;
    }
    if (least == NULL) return NULL;
    *is_new = can_begin(shares, least, begins);
    struct sh_errand *errand = sh_errand_pop(*is_new ? &least->waiting : &least->jobs);
    if (*is_new)
        shares->wait_count--;
    else
        shares->job_count--;
    if (least == &shares->rest) drop_if_idle(shares, least); /* its questions may go on in shares of their own */
    return errand;
}

void sh_shares_used(struct sh_shares *shares, struct sh_text workspace, uint64_t ns) {
    struct sh_share *share = find(shares, workspace);
    if (share == NULL) share = is_there(shares, &shares->rest) ? &shares->rest : NULL;
    if (share == NULL) return;
    share->used_ns += ns;
    drop_if_idle(shares, share);
}

bool sh_shares_have_work(const struct sh_shares *shares, bool begins) {
    if (shares->job_count > 0) return true;
    for (const struct sh_share *share = shares->first; share != NULL; share = share->next)
        if (can_begin(shares, share, begins)) return true;
    return false;
}
