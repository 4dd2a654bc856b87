// golden/session.json: the bytes that all clients and the server share. The same calls give these bytes, and these answers are read alike
// in whatever pieces they come.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const { calls } = await import(join(process.env.SHOAL_CLIENT, 'src', 'index.js'));
const { Flight } = await import(join(process.env.SHOAL_CLIENT, 'src', 'flight.js'));
const wire = await import(join(process.env.SHOAL_CLIENT, 'src', 'wire.js'));
const methods = await import(join(process.env.SHOAL_CLIENT, 'src', 'methods.js'));
const session = JSON.parse(readFileSync(process.env.SHOAL_GOLDEN));
assert.ok(session.length > 15);

const frameOf = ({ msgid, method, params, number }) =>
    wire.request(msgid, method, wire.pack(params), number ? wire.packNumber(number.client, number.seq) : null).toString('hex');

test('the same calls give the same bytes', () => {
    for (const entry of session) {
        assert.equal(frameOf(entry), entry.request, entry.method);
        const flight = new Flight();
        flight.msgid = entry.msgid - 1;
        if (entry.number) Object.assign(flight, { clientId: entry.number.client, seq: entry.number.seq - 1 });
        const numbered = methods.WRITES.has(entry.method) && !entry.number;
        if (numbered || (methods.TIMED.has(entry.method) && entry.params.timeout_ms === undefined))
            continue; // the client would add a number, or its time
        assert.equal(flight.begin(calls.raw(entry.method, entry.params), 0, 1000).frame.toString('hex'), entry.request, entry.method);
    }
});

function find(method, test = () => true) {
    const found = session.filter((entry) => entry.method === method && test(entry.params));
    assert.equal(found.length, 1, method);
    return found[0];
}

test('typed calls are these calls', () => {
    const same = (call, entry) => assert.deepEqual([call.method, call.params], [entry.method, entry.params]);
    const now = find('feed.get').params.now;
    same(calls.sample('true', 2, { seed: 7, now }), find('audience.sample'));
    same(calls.user('小红', { events: 2 }), find('user.get', (params) => params.events === 2));
    same(calls.feed('小红', { count: 2, fields: ['kind'], seed: 1, now }), find('feed.get'));
    same(calls.trending({ count: 2, now }), find('feed.trending'));
    same(calls.putScene('首页', find('scene.put').params.rules), find('scene.put'));
    same(calls.feedWhy('rope', '小红', { count: 1, seed: 1, scene: '首页', now }), find('feed.explain', (params) => params.item === 'rope'));
    same(calls.similar('cup', { count: 2, now }), find('feed.similar'));
    same(calls.models(), find('model.list'));
    same(calls.count("会员等级 >= '金卡' and likes has '茶'", { now }), find('audience.count', (params) => String(params.where).includes('茶')));
    const items = find('item.put');
    same(calls.put('items', items.params.rows, { fields: ['id', 'kind'] }), items);
});

function read(entry, size, call = calls.raw(entry.method, entry.params)) {
    const flight = new Flight();
    flight.msgid = entry.msgid - 1;
    const pending = flight.begin(call, 0, 1000);
    const answer = Buffer.from(entry.answer, 'hex');
    for (let at = 0; at < answer.length; at += size) {
        const finished = flight.receive(answer.subarray(at, at + size));
        assert.deepEqual(finished, at + size >= answer.length ? [pending] : []);
    }
    assert.equal(flight.restCount, 0);
    try {
        return { value: pending.take(), error: null };
    } catch (error) {
        return { value: null, error };
    }
}

test('the golden answers are read alike, in pieces of any size', () => {
    for (const entry of session) {
        const whole = read(entry, 1 << 20);
        for (const size of [1, 2, 3, 5, 7, 11]) {
            const pieces = read(entry, size);
            assert.deepEqual(pieces.value, whole.value);
            assert.deepEqual(pieces.error, whole.error);
        }
    }
    const error = read(find('audience.count', (params) => String(params.where).endsWith('and and')), 1).error;
    assert.deepEqual([error.name, error.status, error.position, error.column], ['SyntaxFault', 'syntax', 29, 17]);
    assert.match(read(find('audience.count', (params) => params.where === 'pionts > 1'), 1).error.hint, /points/);
    const written = read(find('event.append', (params) => params.events.length === 3), 1, calls.put('events', [])).value;
    assert.deepEqual([written.accepted, written.refused.map((row) => row.row)], [2, [2]]);
    const feed = read(find('feed.get'), 1, calls.feed('小红')).value;
    assert.equal(read(find('scene.put'), 1, calls.putScene('首页', {})).value, true);
    const fate = read(find('feed.explain', (params) => params.item === 'rope'), 1, calls.feedWhy('rope')).value;
    assert.deepEqual([fate.item, fate.shown, fate.stage, fate.place], ['rope', false, 'score', null]);
    assert.equal(read(find('feed.similar'), 1, calls.similar('cup')).value.items[0].id, 'pot');
    const [own] = read(find('feed.batch'), 1, calls.batch({ users: ['小红'] })).value.feeds;
    assert.deepEqual([own.user, own.feed.candidates, own.feed.items.map((item) => item.id)], ['小红', 3, feed.items.map((item) => item.id)]);
    assert.deepEqual(new Set(read(find('feed.users_for_item'), 1, calls.usersForItem('cup')).value.users.map((user) => user.id)), new Set(['小红', 'bo']));
    assert.match(read(find('feed.explain', (params) => params.item === 'cup'), 1).error.hint, /view/);
    assert.deepEqual(read(find('model.list'), 1, calls.models()).value.map((model) => model.name), ['ials', 'ease', 'knn', 'rp3']);
    assert.deepEqual([feed.items.length, feed.items[0].fields, feed.recId], [2, { kind: 'tea' }, '0']);
    const user = read(find('user.get', (params) => params.events === 2), 1, calls.user('小红')).value;
    assert.deepEqual([user.spent, user['会员等级'], user.events.length], ['12.50', '金卡', 2]);
});

test('whole numbers are exact', () => {
    const numbers = [0, -1, 2 ** 31, 1_772_000_000_000, -(2 ** 40), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
    assert.deepEqual(wire.unpack(wire.pack(numbers)), numbers);
    const large = [2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n), -(2n ** 53n)];
    assert.deepEqual(wire.unpack(wire.pack(large)), large);
    assert.deepEqual(wire.unpack(wire.pack([1n, -5n])), [1, -5]);
});

test('values of JavaScript that MessagePack does not have', () => {
    const packed = wire.pack({ a: new Date(5), b: new Set(['y', 'x']), c: undefined, d: [new Map([['k', new Date(7)]])] });
    assert.deepEqual(wire.unpack(packed), { a: 5, b: ['x', 'y'], d: [{ k: 7 }] });
    for (const bad of [() => 1, Symbol('x'), new Date(NaN)]) assert.throws(() => wire.pack({ deep: [bad] }), TypeError);
});

test('framing finds the end of every kind of value, and refuses what begins none', () => {
    const kinds = [0, -1, 127, 200, -100, 70_000, 2 ** 40, -(2 ** 40), 1.5, null, true, 'x', 'y'.repeat(40), 'z'.repeat(300), 'w'.repeat(70_000),
        new Uint8Array(3), new Uint8Array(300), new Uint8Array(70_000), [], new Array(20).fill(1), new Array(70_000).fill('a'), { a: { b: [] } },
        Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, i])), [[[[[1]]]]]];
    const bytes = Buffer.concat(kinds.map((one) => Buffer.from(wire.pack(one))));
    const framing = new wire.Framing();
    const ends = [];
    for (let from = 0; from < bytes.length; from = ends.at(-1)) ends.push(framing.scan(bytes, from));
    assert.deepEqual(ends.length, kinds.length);
    assert.equal(ends.at(-1), bytes.length);
    let from = 0;
    const again = [];
    for (let have = 1; have <= 2000; have++) { // as it comes, byte by byte
        const end = framing.scan(bytes.subarray(0, have), from);
        if (end >= 0) {
            again.push(end);
            from = end;
        }
    }
    assert.deepEqual(again, ends.filter((end) => end <= 2000));
    assert.throws(() => new wire.Framing().scan(Buffer.of(0xc1), 0), RangeError);
});
