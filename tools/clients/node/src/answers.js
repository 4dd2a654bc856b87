// What answers are made of. Decimals are strings and times are milliseconds since 1970, as the server gives them: exact.

// An item of a feed. Reasons are most of a feed, and most feeds are shown without them: they are as they came.
export class FeedItem {
    constructor(item) {
        this.id = item.id;
        this.score = item.score;
        this.sources = item.sources ?? [];
        this.reasons = item.reasons ?? [];
        this.fields = item.fields ?? {};
        this.propensity = item.propensity ?? 1;
        this.contributions = item.contributions ?? {};
        this.rules = item.rules ?? [];
        this.relaxed = item.relaxed ?? [];
        this.together = item.together ?? null;
    }
}

export class Feed {
    constructor(result) {
        this.recId = result.rec_id;
        this.items = result.items.map(readItem);
        this.relaxed = result.relaxed ?? [];
        this.cursor = result.cursor ?? null;
        this.candidates = result.candidates ?? null;
        this.tookUs = result.took_us;
    }
}

const readItem = (item) => new FeedItem(item);

export const asItIs = (result) => result;
export const readFeed = (result) => new Feed(result);
export const readFate = (result) => ({
    item: need(result.item), shown: need(result.shown), stage: need(result.stage), rules: need(result.rules), candidates: need(result.candidates),
    place: result.place ?? null, rank: result.rank ?? null, score: result.score ?? null, lastScore: result.last_score ?? null,
    contributions: result.contributions ?? {}, sources: result.sources ?? [], reasons: result.reasons ?? [], applied: result.applied ?? [],
});
export const readCompanions = (result) => ({
    items: result.items.map(readItem), of: need(result.liking ?? result.buyers), missing: need(result.missing),
});
export const readUsersForItem = (result) => ({
    count: need(result.count), users: result.users.map((user) => ({ ...user, reasons: user.reasons ?? [], fields: user.fields ?? {} })),
});
export const readBatch = (result) => ({
    feeds: result.feeds.map((feed) => ({ user: need(feed.user), feed: new Feed({ ...feed, took_us: result.took_us }) })),
    cursor: result.cursor ?? null,
});
const readSceneMap = (scene) => ({ name: need(scene.name), rules: need(scene.rules), changedAt: need(scene.changed_at) });
export const readScene = readSceneMap;
export const readScenes = (result) => result.scenes.map(readSceneMap);
export const readModels = (result) => result.models.map((model) => ({
    name: need(model.name), due: need(model.due), plan: model.plan ?? null, table: model.table ?? null, fault: model.fault ?? null,
}));
export const readImpressions = (result) => ({
    impressions: result.impressions.map((one) => ({ recId: need(one.rec_id), time: need(one.time), items: need(one.items) })),
    after: result.more ? result.after : null,
});
export const readChanged = (result) => need(result.changed);
export const readRemoved = (result) => need(result.removed);
export const readNumber = (result) => need(result.number);
export const readWhole = (result) => need(result.whole);

export const readItems = (result) => result.items.map(readItem);
export const readUser = (result) => result.user;
export const readCount = (result) => ({ count: need(result.count), total: need(result.total) });

export function readPage(result) {
    const rows = result.rows ?? null;
    const ids = rows === null ? need(result.ids) : rows.map((row) => row[0]);
    return { ids, rows, count: result.count ?? null, skipped: result.skipped ?? 0, cursor: result.cursor ?? null };
}

export function readSample(result) {
    const rows = result.rows ?? null;
    return { count: need(result.count), ids: rows === null ? need(result.ids) : rows.map((row) => row[0]), rows };
}

export function readWritten(result) {
    return {
        accepted: need(result.accepted), created: result.created ?? 0, duplicates: result.duplicates ?? 0,
        refused: result.refused.map((row) => ({ hint: null, ...row })),
    };
}

function need(value) {
    if (value === undefined) throw new TypeError('a part of it is missing');
    return value;
}
