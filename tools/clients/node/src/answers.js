// What answers are made of. Decimals are strings and times are milliseconds since 1970, as the server gives them: exact.

// An item of a feed. Reasons are most of a feed, and most feeds are shown without them: they are as they came.
export class FeedItem {
    constructor(item) {
        this.id = item.id;
        this.score = item.score;
        this.sources = item.sources ?? [];
        this.reasons = item.reasons ?? [];
        this.fields = item.fields ?? {};
    }
}

export class Feed {
    constructor(result) {
        this.recId = result.rec_id;
        this.items = result.items.map(readItem);
        this.relaxed = result.relaxed ?? [];
        this.cursor = result.cursor ?? null;
        this.tookUs = result.took_us;
    }
}

const readItem = (item) => new FeedItem(item);

export const asItIs = (result) => result;
export const readFeed = (result) => new Feed(result);
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
