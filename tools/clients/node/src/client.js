// The client: a pool of lanes for any number of calls at once, pages of audiences, and bulk writers.
import * as bulk from './bulk.js';
import * as calls from './calls.js';
import { ArgumentError, Busy, Closed, ShoalError } from './errors.js';
import { Lane, now, pauses, sleep } from './lane.js';
import { readAddress } from './wire.js';

// Rows in batches, `window` of them in flight: what add returns is to be awaited, and waits when the server is slower. After close all
// are answered and `report` is whole. A batch that is refused as a whole throws its error, with error.rows; rows that are refused by
// themselves are in the report.
export class Writer {
    constructor(lane, batcher, window, timeoutMs) {
        this.lane = lane;
        this.batcher = batcher;
        this.report = batcher.report;
        this.window = window;
        this.timeoutMs = timeoutMs;
        this.waiting = [];
    }

    // Undefined while there is room for more: nothing to wait for, and nothing is spent on promises.
    add(row) {
        const full = this.batcher.add(row);
        return full === null ? undefined : this.send(full);
    }

    async addAll(rows) {
        for await (const row of rows) {
            const sent = this.add(row);
            if (sent !== undefined) await sent;
        }
    }

    async send(batch) {
        while (this.waiting.length >= this.window) await this.account();
        this.waiting.push(await this.lane.submit(batch, now() + this.timeoutMs));
        // Let it go out, and answers in, while the next batch is packed.
        await new Promise((resolve) => { setImmediate(resolve); });
    }

    async account() {
        const pending = this.waiting.shift();
        await pending.settled;
        this.batcher.account(pending);
    }

    // Send what was added and wait for all answers.
    async flush() {
        const rest = this.batcher.take();
        if (rest !== null) await this.send(rest);
        while (this.waiting.length > 0) await this.account();
        return this.report;
    }

    // The last flush. What was refused before is thrown here too, once the others are answered.
    async close() {
        try {
            return await this.flush();
        } finally {
            for (const pending of this.waiting.splice(0)) await pending.settled;
        }
    }
}

// First in, first out; what was taken out is not held.
class Queue {
    constructor() {
        this.all = [];
        this.at = 0;
    }

    get size() {
        return this.all.length - this.at;
    }

    push(one) {
        this.all.push(one);
    }

    shift() {
        const one = this.all[this.at];
        this.all[this.at++] = undefined;
        if (this.at === 256) {
            this.all.splice(0, this.at);
            this.at = 0;
        }
        return one;
    }
}

export class Client {
    constructor(address = '127.0.0.1:7717', { workspace, token = process.env.SHOAL_TOKEN, tls, timeoutMs = 30_000, pool = 2 } = {}) {
        if (!(pool >= 1)) throw new ArgumentError('a pool has at least one connection');
        readAddress(address);
        this.address = address;
        this.timeoutMs = timeoutMs;
        this.target = { address, workspace, token, tls, timeoutMs };
        this.pool = pool;
        this.lanes = [];
        this.closed = false;
    }

    // The lane with the least in flight; a new one only when all are in use.
    take() {
        if (this.closed) throw new Closed('the client was closed');
        let least = null;
        for (const lane of this.lanes) if (least === null || lane.flight.pending.size < least.flight.pending.size) least = lane;
        if (least === null || (least.flight.pending.size > 0 && this.lanes.length < this.pool)) {
            least = new Lane(this.target);
            this.lanes.push(least);
        }
        return least;
    }

    close() {
        this.closed = true;
        for (const lane of this.lanes) lane.close();
    }

    [Symbol.dispose ?? Symbol.for('Symbol.dispose')]() {
        this.close();
    }

    // ---- calls ----

    async run(call, { timeoutMs = this.timeoutMs, signal } = {}) {
        const deadline = now() + timeoutMs;
        for (const pause of pauses()) {
            try {
                return await this.runOnce(call, deadline, signal);
            } catch (error) {
                if (!(error instanceof Busy) || now() + pause >= deadline) throw error;
            }
            await sleep(pause);
        }
    }

    async runOnce(call, deadline, signal) {
        signal?.throwIfAborted();
        const lane = this.take();
        const pending = lane.isReady() ? lane.submitNow(call, deadline) : await lane.submit(call, deadline);
        if (signal === undefined) return lane.wait(pending);
        const abort = () => {
            lane.drop(pending);
            pending.fail(signal.reason);
        };
        if (signal.aborted) abort();
        signal.addEventListener('abort', abort);
        try {
            return await lane.wait(pending);
        } finally {
            signal.removeEventListener('abort', abort);
        }
    }

    // The results of calls that are made as they are needed, in their order, half of `window` to all of it in flight on one
    // connection. It costs less than a promise chain for each.
    async* map(many, { window = 128, timeoutMs = this.timeoutMs } = {}) {
        const lane = this.take();
        const waiting = new Queue();
        try {
            for await (const call of many) {
                const deadline = now() + timeoutMs;
                waiting.push(lane.isReady() ? lane.submitNow(call, deadline) : await lane.submit(call, deadline));
                // Down to half, so that the next ones go out together and not each with a packet of its own.
                if (waiting.size >= window) while (waiting.size > window / 2) yield await lane.wait(waiting.shift());
            }
            while (waiting.size > 0) yield await lane.wait(waiting.shift());
        } finally {
            while (waiting.size > 0) lane.drop(waiting.shift());
        }
    }

    // Any method of the protocol, its answer as it is.
    call(method, params = {}, options = {}) {
        return this.run(calls.raw(method, params), options);
    }

    writer(what, { window = 4, timeoutMs = this.timeoutMs, ...options } = {}) {
        return new Writer(this.take(), new bulk.Batcher(what, options), window, timeoutMs);
    }

    async put(what, rows, options = {}) {
        const [how, run] = split(options);
        return this.run(calls.put(what, rows, how), run);
    }

    async count(where, options = {}) {
        const [how, run] = split(options);
        return this.run(calls.count(where, how), run);
    }

    async sample(where, count, options = {}) {
        const [how, run] = split(options);
        return this.run(calls.sample(where, count, how), run);
    }

    // All of an audience, frozen with the first page. Leaving the loop early lets go of the rest on the server.
    async* pages(where, options = {}) {
        const [{ size = 1000, ...how }, run] = split(options);
        let page = await this.run(calls.page(where, { limit: size, ...how, keep: true }), run);
        try {
            yield page;
            while (page.cursor !== null) {
                page = await this.run(calls.nextPage(page.cursor, { limit: size }), run);
                yield page;
            }
        } finally {
            if (page.cursor !== null) await this.forget(page.cursor);
        }
    }

    async forget(cursor) {
        try {
            await this.run(calls.close(cursor), { timeoutMs: Math.min(this.timeoutMs, 1000) });
        } catch (error) {
            if (!(error instanceof ShoalError)) throw error; // it closes by itself after five minutes
        }
    }

    // The id of each user of an audience; options as in pages.
    async* ids(where, options = {}) {
        for await (const page of this.pages(where, options)) yield* page.ids;
    }

    // Everything that happened from `from` to before `until` (to now unless said), in the order of time. Nothing is held open on the
    // server, so a loop may rest as long as it likes.
    async* events(options = {}) {
        const [{ size = 5000, ...how }, run] = split(options);
        for (let cursor = null; ;) {
            const answer = await this.run(calls.eventsPage(how, size, cursor), run);
            yield* answer.events;
            if (answer.cursor === undefined) return;
            cursor = answer.cursor;
        }
    }

    // The id of each item, ascending by bytes; with `listed` of those that are, or are no longer, alone.
    async* itemIds(options = {}) {
        const [{ size = 10_000, ...how }, run] = split(options);
        for (let cursor = null; ;) {
            const answer = await this.run(calls.itemsPage(how, size, cursor), run);
            yield* answer.ids;
            if (answer.cursor === undefined) return;
            cursor = answer.cursor;
        }
    }

    // NotFound if there is none.
    async user(id, options = {}) {
        const [how, run] = split(options);
        return this.run(calls.user(id, how), run);
    }

    async feed(user = null, options = {}) {
        const [how, run] = split(options);
        return this.run(calls.feed(user, how), run);
    }

    async feedWhy(item, user = null, options = {}) {
        const [how, run] = split(options);
        return this.run(calls.feedWhy(item, user, how), run);
    }

    async trending(options = {}) {
        const [how, run] = split(options);
        return this.run(calls.trending(how), run);
    }

    async similar(item, options = {}) {
        const [how, run] = split(options);
        return this.run(calls.similar(item, how), run);
    }

    async alsoBought(item, options = {}) {
        const [how, run] = split(options);
        return this.run(calls.alsoBought(item, how), run);
    }

    async usersForItem(item, options = {}) {
        const [how, run] = split(options);
        return this.run(calls.usersForItem(item, how), run);
    }

    async batch(options = {}) {
        const [how, run] = split(options);
        return this.run(calls.batch(how), run);
    }

    async served(recId, items, options = {}) {
        const [how, run] = split(options);
        return this.run(calls.served(recId, items, how), run);
    }

    async learning(options = {}) {
        const [how, run] = split(options);
        return this.run(calls.learning(how), run);
    }

    async train(name, options = {}) {
        const [how, run] = split(options);
        return this.run(calls.train(name, how), run);
    }

    async putModel(name, options = {}) {
        const [how, run] = split(options);
        return this.run(calls.putModel(name, how), run);
    }

    async likings(options = {}) {
        const [how, run] = split(options);
        return this.run(calls.likings(how), run);
    }

    async putScene(name, rules, options = {}) {
        return this.run(calls.putScene(name, rules), options);
    }

    async scene(name, options = {}) {
        return this.run(calls.scene(name), options);
    }

    async scenes(options = {}) {
        return this.run(calls.scenes(), options);
    }

    async removeScene(name, options = {}) {
        return this.run(calls.removeScene(name), options);
    }

    async models(options = {}) {
        return this.run(calls.models(), options);
    }

    async removeModel(name, options = {}) {
        return this.run(calls.removeModel(name), options);
    }

    // A feed page by page, for endless scrolling: nothing comes twice.
    async* feedPages(user = null, options = {}) {
        const [how, run] = split(options);
        let page = await this.run(calls.feed(user, how), run);
        yield page;
        while (page.cursor !== null) {
            page = await this.run(calls.feed(user, { ...how, cursor: page.cursor }), run);
            yield page;
        }
    }

    // {user, feed} of everybody in an audience, for pushes; options as in batch, limit users a page.
    async* batches(where, options = {}) {
        const [{ now: first, ...how }, run] = split(options);
        let page = await this.run(calls.batch({ where, now: first, ...how }), run);
        yield* page.feeds;
        while (page.cursor !== null) {
            page = await this.run(calls.batch({ where, cursor: page.cursor, ...how }), run);
            yield* page.feeds;
        }
    }

    // What feeds showed and what came of it, oldest first.
    async* impressions(options = {}) {
        const [{ size = 1000, after: begin }, run] = split(options);
        let page = await this.run(calls.impressions({ after: begin, limit: size }), run);
        yield* page.impressions;
        while (page.after !== null) {
            page = await this.run(calls.impressions({ after: page.after, limit: size }), run);
            yield* page.impressions;
        }
    }
}

// What is asked, and how it is run.
function split({ timeoutMs, signal, ...how }) {
    const run = {};
    if (timeoutMs !== undefined) run.timeoutMs = timeoutMs;
    if (signal !== undefined) run.signal = signal;
    return [how, run];
}
