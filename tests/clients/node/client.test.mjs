// The Node client against the real server: over 1 and 2 shards, both loops, and connections that are lost.
import assert from 'node:assert/strict';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Proxy, Server } from './support.mjs';

const shoal = await import(join(process.env.SHOAL_CLIENT, 'src', 'index.js'));
const { Client, calls } = shoal;
const { Flight, SEQ_SPAN_MAX } = await import(join(process.env.SHOAL_CLIENT, 'src', 'flight.js'));
const { BYTES_MAX, Batcher } = await import(join(process.env.SHOAL_CLIENT, 'src', 'bulk.js'));

const NOW = 1_772_000_000_000;
const range = (count) => Array.from({ length: count }, (_, i) => i);
const name = (i) => `用户${String(i).padStart(4, '0')}`;

async function makeShop(client, users = 300) {
    await client.call('schema.put', {
        zone: 'Asia/Shanghai',
        users: {
            attributes: [{ name: '城市', type: 'string' }, { name: 'points', type: 'int' }, { name: 'seen', type: 'time' },
                { name: 'spent', type: 'decimal' }],
            tag_sets: [{ name: 'likes' }],
        },
        items: { attributes: [{ name: 'kind', type: 'string' }] },
        events: [{ name: 'view' }, { name: 'purchase', amount_scale: 2 }],
    });
    await client.put('users', range(users).map((i) => ({
        id: name(i), 城市: ['成都', '上海', 'Lisbon'][i % 3], points: i, likes: i % 2 ? new Set(['茶', '猫']) : [],
    })));
    await client.put('items', range(40).map((i) => ({ id: `item${i}`, kind: ['茶', '猫粮'][i % 2] })));
    await client.put('events', range(users).map((i) => ({ type: 'view', user: name(i), time: NOW - i * 1000, item: `item${i % 40}` })));
}

async function failing(promise, Kind) {
    let error = null;
    await promise.then(() => {}, (why) => { error = why; });
    assert.ok(error instanceof Kind, `${Kind.name} wanted, got ${error}`);
    return error;
}

async function collect(walk) {
    const all = [];
    for await (const one of walk) all.push(one);
    return all;
}

// A server with a shop; parts gets what they share.
function shop(title, options, parts) {
    describe(title, () => {
        const at = {};
        before(async () => {
            at.server = await Server.start(options);
            at.client = new Client(at.server.address);
            await makeShop(at.client);
        });
        after(async () => {
            at.client.close();
            await at.server.stop();
        });
        parts(at);
    });
}

function questions(at) {
    test('count, sample, user', async () => {
        assert.deepEqual(await at.client.count("城市 = '成都'"), { count: 100, total: 300 });
        assert.equal((await at.client.count(['=', '城市', '成都'])).count, 100);
        const sample = await at.client.sample('points < 100', 10, { seed: 's', fields: ['points'] });
        assert.deepEqual([sample.count, sample.ids.length], [100, 10]);
        for (const [id, points] of sample.rows) assert.equal(id, name(points));
        const user = await at.client.user(name(7), { events: 3 });
        assert.deepEqual([user['城市'], user.likes, user.events.length], ['上海', ['猫', '茶'], 1]);
        assert.equal(user.events[0].time, NOW - 7000);
    });

    test('pages, and the ids of all of them', async () => {
        const ids = range(300).map((i) => name(299 - i));
        const pages = await collect(at.client.pages('true', { size: 70, order: 'points', desc: true, fields: ['points'] }));
        assert.deepEqual(pages.map((page) => page.ids.length), [70, 70, 70, 70, 20]);
        assert.deepEqual([pages[0].count, pages[4].cursor], [300, null]);
        assert.deepEqual(pages.flatMap((page) => page.ids), ids);
        assert.deepEqual(pages.flatMap((page) => page.rows.map((row) => row[1])), range(300).map((i) => 299 - i));
        assert.deepEqual(await collect(at.client.ids('true', { size: 70, order: 'points', desc: true })), ids);
    });

    test('events and items, page by page', async () => {
        const whole = (await at.client.call('event.list', { limit: 16384, now: NOW })).events;
        assert.ok(whole.length > 100);
        assert.deepEqual(await collect(at.client.events({ now: NOW, size: 7 })), whole);
        const { type, time } = whole[5];
        assert.deepEqual(await collect(at.client.events({ types: [type], from: time, until: NOW, size: 40 })),
            whole.filter((event) => event.type === type && time <= event.time && event.time < NOW));
        const items = (await at.client.call('item.list', { limit: 1000 })).ids;
        assert.deepEqual(await collect(at.client.itemIds({ size: 3 })), items);
    });

    test('pages that are left early are let go', async () => {
        const cursors = async () => (await at.client.call('stats')).workspace.cursors;
        const first = await cursors();
        for await (const page of at.client.pages('true', { size: 10 })) {
            assert.equal(page.ids.length, 10);
            assert.ok(await cursors() > first);
            break;
        }
        assert.equal(await cursors(), first);
    });

    test('feeds are typed, with reasons', async () => {
        const feed = await at.client.feed(name(4), { count: 7, seed: 1, fields: ['kind'], filter: "kind = '茶'", now: NOW });
        assert.ok(feed instanceof shoal.Feed && typeof feed.recId === 'string');
        assert.equal(feed.items.length, 7);
        for (const item of feed.items) {
            assert.ok(item instanceof shoal.FeedItem);
            assert.deepEqual(item.fields, { kind: '茶' });
            assert.ok(Math.abs(item.reasons.reduce((sum, reason) => sum + reason.share, 0) - 1) < 1e-3);
        }
        const affinity = feed.items.flatMap((item) => item.reasons).filter((reason) => reason.kind === 'affinity');
        assert.ok(affinity.some((reason) => reason.of === 'kind' && reason.name === '茶'));
        assert.equal((await at.client.trending({ count: 5, now: NOW })).length, 5);
    });

    test('a feed page by page, in full, and the fate of an item', async () => {
        const pages = await collect(at.client.feedPages(name(4), { count: 9, seed: 5, now: NOW, explain: 'none' }));
        const ids = pages.flatMap((page) => page.items.map((item) => item.id));
        assert.deepEqual([pages.length, ids.length, new Set(ids).size], [5, 40, 40]);
        const how = { count: 5, seed: 1, now: NOW, weights: { view: 3 } };
        const feed = await at.client.feed(name(4), { ...how, explain: 'full', pins: [{ item: 'item9', place: 2 }] });
        assert.deepEqual([feed.candidates, feed.items[1].id, feed.items[1].rules, feed.items[1].propensity], [40, 'item9', ['pin'], 1]);
        for (const item of feed.items)
            assert.ok(Math.abs(Object.values(item.contributions).reduce((sum, part) => sum + part, 0) - item.score) < 1e-9);
        const fate = await at.client.feedWhy('item9', name(4), { ...how, filter: "kind = '茶'" });
        assert.deepEqual([fate.item, fate.shown, fate.stage, fate.place], ['item9', false, 'filter', null]);
        const shown = await at.client.feedWhy(feed.items[0].id, name(4), how);
        assert.deepEqual([shown.stage, shown.place, shown.score], ['shown', 1, feed.items[0].score]);
        await failing(at.client.feed('u', { cuont: 3 }), shoal.ArgumentError);
        const error = await failing(at.client.feed('u', { filter: "kind = '茶' and knd = 1" }), shoal.NameUnknown);
        assert.deepEqual([error.position, error.column], [17, 15]);
    });

    test('feeds of an audience, and users for an item', async () => {
        const met = await collect(at.client.batches('points < 30', { limit: 8, count: 1, seed: 1, now: NOW }));
        assert.deepEqual(new Set(met.map((one) => one.user)), new Set(await collect(at.client.ids('points < 30'))));
        assert.equal(met.length, 30);
        const some = await at.client.batch({ users: [name(4), 'nobody'], count: 2, now: NOW });
        assert.deepEqual([some.feeds.map((one) => one.user), some.cursor], [[name(4), 'nobody'], null]);
        assert.ok(some.feeds[0].feed instanceof shoal.Feed);
        const suits = await at.client.usersForItem('item4', { count: 3, where: 'points < 50', now: NOW });
        assert.ok(suits.count >= suits.users.length && suits.users.length > 0);
        for (const user of suits.users) assert.ok(Math.abs(user.affinity + user.pairs + user.walk - user.score) < 1e-9);
    });

    test('companions, scenes, models', async () => {
        const similar = await at.client.similar('item1', { count: 3, fields: ['kind'], now: NOW });
        assert.ok(similar.items.length > 0 && similar.missing === 0 && similar.items[0].reasons.length > 0);
        assert.equal((await at.client.alsoBought('item1', { now: NOW })).of, 0);
        assert.deepEqual([await at.client.putScene('首页', { mmr: 0.5 }), await at.client.putScene('首页', { mmr: 0.5 })], [true, false]);
        assert.deepEqual((await at.client.scene('首页')).rules, { mmr: 0.5 });
        assert.deepEqual((await at.client.scenes()).map((scene) => scene.name), ['首页']);
        assert.deepEqual([await at.client.removeScene('首页'), await at.client.removeScene('首页')], [true, false]);
        await failing(at.client.scene('首页'), shoal.NotFound);
        const number = await at.client.train('ease', { seed: 3 });
        let model = null;
        for (const until = performance.now() + 60_000; model === null || model.table === null;) {
            assert.ok(performance.now() < until, JSON.stringify(model));
            model = (await at.client.models()).find((one) => one.name === 'ease');
            await new Promise((resolve) => { setTimeout(resolve, 50); });
        }
        assert.deepEqual([model.fault, model.table.number, model.table.items], [null, number, 40]);
        assert.ok((await at.client.likings({ count: 10 })).pages.length > 0);
        assert.equal(await at.client.removeModel('ease'), true);
    });

    test('what was shown and what came of it', async () => {
        const client = new Client(at.server.address, { workspace: 'shown' });
        try {
            await client.call('schema.put', { users: {}, items: {}, events: [{ name: 'click' }], feed: { learning: { share: 1 } } });
            await client.put('items', range(6).map((i) => ({ id: `i${i}` })));
            for (const recId of ['1', '2', '3', '4', '5']) await client.served(recId, ['i1', ['i2', 0.5]], { user: 'ann', now: NOW });
            await client.put('events', [{ type: 'click', user: 'ann', item: 'i2', time: NOW + 1000, rec_id: '3' }]);
            const found = await collect(client.impressions({ size: 2 }));
            assert.deepEqual(found.map((one) => one.recId.replace(/^0+/, '')), ['1', '2', '3', '4', '5']);
            assert.deepEqual(found[2].items.map((item) => item.click), [0, 1]);
            assert.equal((await client.learning()).items, 10);
        } finally {
            client.close();
        }
    });

    test('many at once: in order with map, together with Promise.all', async () => {
        const asked = range(1200).map((n) => calls.count(`points < ${n}`));
        const wanted = range(1200).map((n) => ({ count: Math.min(n, 300), total: 300 }));
        assert.deepEqual(await collect(at.client.map(asked)), wanted);
        assert.deepEqual(await Promise.all(asked.map((call) => at.client.run(call))), wanted);
        const [good, bad, last] = await Promise.allSettled([asked[3], calls.count('nobody = 1'), asked[4]].map((call) => at.client.run(call)));
        assert.deepEqual([good.value.count, last.value.count], [3, 4]);
        assert.ok(bad.reason instanceof shoal.NameUnknown);
    });

    test('values', async () => {
        await at.client.put('users', [{ id: 'values', spent: '100', seen: new Date(NOW), likes: new Set(['b', 'a']), points: 2n ** 60n }]);
        const user = await at.client.user('values');
        assert.deepEqual([user.spent, user.seen, user.likes, user.points], ['100.00', NOW, ['a', 'b'], 2n ** 60n]);
        await at.client.call('user.forget', { id: 'values' });
        await failing(at.client.put('users', [{ id: () => 1 }]), TypeError);
    });

    test('errors have a class, and the place in the expression', async () => {
        const error = await failing(at.client.count("城市 = '成都' and and points > 1"), shoal.SyntaxFault);
        assert.ok(error instanceof shoal.ExpressionError && error instanceof shoal.ShoalError);
        assert.deepEqual([error.code, error.status, error.fromServer, error.position, error.column], [301, 'syntax', true, 22, 14]);
        assert.ok(String(error).includes("城市 = '成都' and »and points > 1"), String(error));
        assert.match((await failing(at.client.count('pionts > 1'), shoal.NameUnknown)).hint, /points/);
        await failing(at.client.count("points = 'x'"), shoal.TypeFault);
        await failing(at.client.user('nobody'), shoal.NotFound);
        await failing(at.client.call('audience.count', { where: 'true', wehre: 1 }), shoal.ArgumentError);
        await failing(at.client.count('true', { wehre: 1 }), shoal.ArgumentError);
        await failing(at.client.call('no.such'), shoal.NameUnknown);
        await at.client.call('segment.put', { name: 's', where: 'true' });
        await failing(at.client.call('segment.put', { name: 's', where: 'points > 1', if_version: 7 }), shoal.Conflict);
        await failing(at.client.put('users', [{ id: 'big', 城市: 'x'.repeat(9 << 20) }]), shoal.TooLarge);
        assert.equal((await at.client.count('true')).count, 300);
    });

    test('workspaces, the Unix socket, and a client that was closed', async () => {
        const other = new Client(at.server.address, { workspace: 'other' });
        await failing(other.count('true'), shoal.NotFound);
        other.close();
        const near = new Client(at.server.unix);
        assert.equal((await near.count('true')).count, 300);
        near.close();
        await failing(near.count('true'), shoal.Closed);
    });
}

shop('one shard, io_uring', { shards: 1, io: 'uring' }, questions);
shop('two shards, epoll', { shards: 2, io: 'epoll' }, questions);

shop('writers', { shards: 2 }, (at) => {
    const fields = ['type', 'user', 'time', 'item', 'amount', 'id'];
    function* rows(run) {
        for (let i = 0; i < 100_000; i++)
            yield [i === 5 || i === 70_001 ? 'gift' : 'purchase', name(i % 300), NOW - i, `item${i % 40}`, '1.25', `${run}${i}`];
    }
    async function load(many, options) {
        const writer = at.client.writer('events', options);
        await writer.addAll(many);
        return writer.close();
    }

    test('100,000 rows, twice', async () => {
        const report = await load(rows('a'), { fields, batchRows: 5000 });
        assert.deepEqual([report.rows, report.accepted, report.refusedCount], [100_000, 99_998, 2]);
        assert.deepEqual(report.refused.map((row) => [row.row, row.status]), [[5, 'name'], [70_001, 'name']]);
        assert.equal((await at.client.count('count(purchase) > 333', { now: NOW + 1 })).count, 99);
        const again = await load(rows('a'), { fields, batchBytes: 100_000, refusedMax: 1 });
        assert.deepEqual([again.accepted, again.duplicates, again.refusedCount, again.refused.length], [0, 99_998, 2, 1]);
    });

    test('objects, and nil', async () => {
        const writer = at.client.writer('users', { nil: 'leave', batchRows: 2 });
        for (const i of range(5)) await writer.add({ id: name(i), 城市: null });
        assert.equal((await writer.flush()).accepted, 5);
        assert.equal((await at.client.user(name(0)))['城市'], '成都');
    });

    test('a batch that is refused as a whole', async () => {
        const error = await failing(load(range(25).map(() => ['x']), { fields: ['no such'], batchRows: 10 }), shoal.NameUnknown);
        assert.deepEqual(error.rows, { first: 0, count: 10 });
    });

    test('a row that cannot be sent leaves the others', async () => {
        const writer = at.client.writer('events', { fields: ['type', 'user', 'time'] });
        await writer.add(['view', name(1), NOW]);
        assert.throws(() => writer.add(['view', Symbol('x'), NOW]), TypeError);
        assert.throws(() => writer.add(['view', 'x'.repeat(BYTES_MAX), NOW]), shoal.TooLarge);
        await writer.add(['view', name(1), NOW]);
        const report = await writer.close();
        assert.deepEqual([report.rows, report.accepted], [2, 2]);
    });

    test('a batch keeps to its bytes', () => {
        const batcher = new Batcher('users', { fields: ['id', '城市'], batchRows: 1000, batchBytes: 5000 });
        const batches = [];
        for (const i of range(2000)) {
            const full = batcher.add([`u${i}`, '成'.repeat(i % 90)]);
            if (full !== null) batches.push(full);
        }
        batches.push(batcher.take());
        assert.equal(batcher.take(), null);
        let place = 0;
        for (const { packed, params } of batches) {
            assert.ok(packed.length <= 5000 + batcher.head.length + 5);
            assert.equal(params.first, place);
            place += params.count;
        }
        assert.equal(place, 2000);
    });

    test('add waits when the server is slower', async () => {
        const proxy = await Proxy.start(at.server.address);
        const client = new Client(proxy.address);
        await client.count('true');
        proxy.pauseMs = 100;
        const writer = client.writer('events', { fields: ['type', 'user', 'time'], batchRows: 10, window: 2 });
        const began = performance.now();
        let inFlight = 0;
        for (const i of range(100)) {
            await writer.add(['view', 'slow', NOW + i]);
            inFlight = Math.max(inFlight, writer.lane.flight.pending.size);
        }
        assert.equal((await writer.close()).accepted, 100);
        assert.equal(inFlight, 2);
        assert.ok(performance.now() - began > 300);
        client.close();
        proxy.close();
        await at.client.call('user.forget', { id: 'slow' });
    });
});

shop('connections that end between the doing and the telling', { shards: 1 }, (at) => {
    async function through(work, options) {
        const proxy = await Proxy.start(at.server.address);
        const client = new Client(proxy.address, options);
        try {
            await work(client, proxy);
        } finally {
            client.close();
            proxy.close();
        }
    }

    test('a write is done once', () => through(async (client, proxy) => {
        for (const n of range(5)) {
            proxy.lose(2);
            assert.equal((await client.put('events', [{ type: 'view', user: 'once', time: NOW + n }])).accepted, 1);
        }
        assert.equal(proxy.lost, 10);
        assert.equal((await client.user('once', { events: 100 })).events.length, 5);
        await client.call('user.forget', { id: 'once' });
    }));

    test('a pipeline of writes is done once', () => through(async (client, proxy) => {
        function* writes() {
            for (const n of range(3000)) yield calls.put('events', [{ type: 'view', user: 'many', time: NOW + n }]);
        }
        let n = 0;
        for await (const written of client.map(writes())) {
            n += written.accepted;
            if (n % 500 === 250) proxy.lose(1);
        }
        assert.equal(n, 3000);
        assert.ok(proxy.lost >= 5);
        assert.equal((await client.count('count(view) = 3000', { now: NOW + 10_000 })).count, 1);
        await client.call('user.forget', { id: 'many' });
    }));

    test('a load is done once', () => through(async (client, proxy) => {
        const writer = client.writer('events', { fields: ['type', 'user', 'time'], batchRows: 1000 });
        for (const i of range(60_000)) {
            if (i % 10_000 === 5000) (i % 20_000 === 5000 ? proxy.lose(1) : proxy.cut());
            await writer.add(['view', `load${i % 50}`, NOW - i]);
        }
        assert.equal((await writer.close()).accepted, 60_000);
        assert.ok(proxy.lost >= 2);
        assert.equal((await client.count('count(view) = 1200', { now: NOW + 1 })).count, 50);
        await client.call('user.forget', { ids: range(50).map((i) => `load${i}`) });
    }));

    test('an answer too long to keep', () => through(async (client, proxy) => {
        await client.count('true');
        proxy.lose(1);
        const writer = client.writer('events', { fields: ['type', 'user', 'time'] });
        await writer.addAll([...range(20).map(() => ['gift', 'nobody', NOW]), ['view', 'kept', NOW]]);
        const report = await writer.close();
        assert.deepEqual([report.accepted, report.unanswered], [0, [{ first: 0, count: 21 }]]);
        assert.equal((await client.user('kept', { events: 10 })).events.length, 1);
        await client.call('user.forget', { id: 'kept' });
    }));

    test('a question is asked again; what nobody knows is not', () => through(async (client, proxy) => {
        assert.equal((await client.count('true')).count, 300);
        proxy.cut();
        assert.equal((await client.count('true')).count, 300);
        proxy.lose(3);
        assert.equal((await client.count('true')).count, 300);
        assert.equal(proxy.connections, 5);
        proxy.lose(1);
        const error = await failing(client.call('no.such'), shoal.Closed);
        assert.equal(error.fromServer, false);
        await failing(client.call('no.such'), shoal.NameUnknown);
    }));

    test('a slow server, and somebody who changes his mind', () => through(async (client, proxy) => {
        assert.equal((await client.count('true')).count, 300);
        proxy.pauseMs = 400;
        const began = performance.now();
        await failing(client.count('true', { timeoutMs: 100 }), shoal.DeadlineExceeded);
        assert.ok(performance.now() - began < 390);
        const abort = new AbortController();
        setTimeout(() => abort.abort(new Error('enough')), 50);
        assert.equal((await failing(client.count('true', { signal: abort.signal }), Error)).message, 'enough');
        assert.equal((await failing(client.count('true', { signal: abort.signal }), Error)).message, 'enough');
        assert.equal((await client.count('points < 7', { timeoutMs: 20_000 })).count, 7); // not the late answer of the first
    }));
});

test('nobody there', async () => {
    const client = new Client('127.0.0.1:1', { timeoutMs: 5000 });
    const error = await failing(client.count('true'), shoal.Closed);
    assert.equal(error.hint, 'is shoald running there?');
    assert.throws(() => new Client('nonsense'), TypeError);
});

async function listening(talk) {
    const sockets = new Set();
    const server = net.createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => {});
        talk(socket);
    });
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    const stop = () => {
        for (const socket of sockets) socket.destroy();
        server.close();
    };
    return [`127.0.0.1:${server.address().port}`, stop];
}

test('a server that says nothing, and one that says nonsense', async () => {
    const [silent, stopSilent] = await listening(() => {});
    const waiting = new Client(silent);
    await failing(waiting.call('ping', {}, { timeoutMs: 200 }), shoal.DeadlineExceeded);
    waiting.close();
    stopSilent();
    const [talking, stopTalking] = await listening((socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n\xc1'));
    const puzzled = new Client(talking);
    await failing(puzzled.call('ping', {}, { timeoutMs: 5000 }), shoal.ProtocolError);
    puzzled.close();
    stopTalking();
});

test('numbers do not fall behind', () => {
    const flight = new Flight();
    const sweep = calls.raw('event.sweep');
    const first = flight.begin(sweep, 0, 1000);
    while (flight.hasRoom()) flight.drop(flight.begin(sweep, 0, 1000));
    assert.equal(flight.seq - first.seq, SEQ_SPAN_MAX);
    flight.drop(first);
    assert.ok(flight.hasRoom());
});
