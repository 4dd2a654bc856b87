// The Node client's part of client_bench.py: client_bench.mjs ADDRESS EVENTS FEEDS ROUNDS. CPU time is of the whole process, its threads
// for collecting and compiling included.
import assert from 'node:assert/strict';
import net from 'node:net';
import { join } from 'node:path';

const { Client, calls } = await import(join(process.env.SHOAL_CLIENT, 'src', 'index.js'));
const wire = await import(join(process.env.SHOAL_CLIENT, 'src', 'wire.js'));

const [address, EVENTS, FEEDS, ROUNDS] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const NOW = 1_772_000_000_000;
const FIELDS = ['type', 'user', 'time', 'item', 'amount', 'id'];
const figure = (value) => Math.round(value).toLocaleString('en').padStart(10);

async function timed(what, count, work) {
    globalThis.gc();
    const cpu = process.cpuUsage();
    const wall = performance.now();
    await work();
    const { user, system } = process.cpuUsage(cpu);
    const seconds = (performance.now() - wall) / 1000;
    const spent = (user + system) / 1e6;
    console.log(`  ${what.padEnd(44)} ${figure(count / spent)} /s of CPU ${figure(count / seconds)} /s of wall time`);
    return spent;
}

function* rows(run) {
    for (let i = 0; i < EVENTS; i++)
        yield ['purchase', `u${i % 5000}`, NOW - i, `item${i % 200}`, 1250 + i % 100, `${run}${i}`];
}

// Only what cannot be left out: a socket, frames, and the answers as they come.
async function bare(frames, window) {
    const [host, port] = address.split(':');
    const socket = net.connect({ host, port: Number(port), noDelay: true });
    const framing = new wire.Framing();
    let rest = Buffer.alloc(0);
    let inFlight = 0;
    let done = null;
    let last = null;
    const send = () => {
        const output = [];
        while (inFlight < window) {
            const next = frames.next();
            if (next.done) {
                if (inFlight === 0) done();
                break;
            }
            inFlight++;
            output.push(next.value);
        }
        if (output.length > 0) socket.write(Buffer.concat(output));
    };
    socket.on('data', (data) => {
        const bytes = rest.length === 0 ? data : Buffer.concat([rest, data]);
        let from = 0;
        for (let end; from < bytes.length && (end = framing.scan(bytes, from)) >= 0; from = end) {
            last = wire.unpack(bytes.subarray(from, end));
            inFlight--;
        }
        framing.reset();
        rest = bytes.subarray(from);
        send();
    });
    await new Promise((resolve) => { done = resolve; socket.on('connect', send); });
    socket.destroy();
    assert.equal(last[2], null);
}

function* loadFrames(run) {
    let batch = [];
    let msgid = 0;
    for (const row of rows(run)) {
        batch.push(row);
        if (batch.length < 8192) continue;
        yield wire.request(++msgid, 'event.append', wire.pack({ fields: FIELDS, rows: batch }));
        batch = [];
    }
    yield wire.request(++msgid, 'event.append', wire.pack({ fields: FIELDS, rows: batch }));
}

function* feedFrames(count) {
    for (let i = 0; i < FEEDS; i++) yield wire.request(i + 1, 'feed.get', wire.pack({ user: `u${i % 5000}`, count }));
}

const client = new Client(address, { timeoutMs: 120_000 });

async function load(run) {
    const writer = client.writer('events', { fields: FIELDS });
    for (const row of rows(run)) {
        const wait = writer.add(row);
        if (wait !== undefined) await wait;
    }
    assert.equal((await writer.close()).accepted, EVENTS);
}

async function feeds(count) {
    function* asked() {
        for (let i = 0; i < FEEDS; i++) yield calls.feed(`u${i % 5000}`, { count });
    }
    for await (const feed of client.map(asked())) assert.equal(feed.items.length, count);
}

async function feedsTogether(count) {
    for (let first = 0; first < FEEDS; first += 1000) {
        const part = Array.from({ length: Math.min(1000, FEEDS - first) }, (_, i) => client.feed(`u${(first + i) % 5000}`, { count }));
        for (const feed of await Promise.all(part)) assert.equal(feed.items.length, count);
    }
}

for (let n = 0; n < ROUNDS; n++) {
    console.log(`Node, ${EVENTS.toLocaleString('en')} events, rows of ${FIELDS.length} values:`);
    const least = await timed('bare loop', EVENTS, () => bare(loadFrames(`${n}d`), 4));
    const ours = await timed('writer', EVENTS, () => load(`${n}e`));
    console.log(`  CPU against the bare loop: ${(ours / least).toFixed(2)}  (making the rows is in both)`);
}
for (const count of [5, 20]) {
    for (let n = 0; n < ROUNDS; n++) {
        console.log(`Node, ${FEEDS.toLocaleString('en')} feeds of ${count} items with reasons:`);
        const least = await timed('bare loop', FEEDS, () => bare(feedFrames(count), 128));
        const ours = await timed('map, typed', FEEDS, () => feeds(count));
        const all = await timed('Promise.all, typed', FEEDS, () => feedsTogether(count));
        console.log(`  CPU against the bare loop: ${(ours / least).toFixed(2)}, Promise.all ${(all / least).toFixed(2)}`);
    }
}
client.close();
