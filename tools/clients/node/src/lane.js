// One connection that comes back: what was in flight when it was lost is sent again, under its old numbers.
//
//     submit -> flight -> output -- once a round of the loop --> socket -> flight.receive -> who waits
//                  ^                                               |
//                  '------------ connect, greet, again <--- lost --'
//
// An idle connection does not keep the process alive; one with something in flight does.
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';

import { raw } from './calls.js';
import { Busy, Closed, DeadlineExceeded, ProtocolError, ShoalError } from './errors.js';
import { COUNT_MAX, Flight } from './flight.js';
import { readAddress } from './wire.js';

export const ATTEMPT_COUNT_MAX = 6;
const PAUSE_FIRST_MS = 20;
const PAUSE_MS_MAX = 1000;

export const now = () => performance.now();

// Growing, and not the same for everybody who lost the same server.
export function* pauses() {
    for (let pause = PAUSE_FIRST_MS; ; pause = Math.min(2 * pause, PAUSE_MS_MAX)) yield pause * (0.5 + Math.random());
}

export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// What the promise comes to, or the error when the deadline is there first.
async function before(deadline, promise, error) {
    let timer;
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(error()), Math.max(0, deadline - now())); });
    try {
        return await Promise.race([promise, late]);
    } finally {
        clearTimeout(timer);
    }
}

// The event says that it may be written to.
function connectTo(address, options) {
    const { isTls, ...where } = readAddress(address);
    if (!isTls) return { socket: net.connect({ ...where, noDelay: true }), ready: 'connect' };
    const authorities = options?.ca === undefined && process.env.SHOAL_TLS_CA ? { ca: readFileSync(process.env.SHOAL_TLS_CA) } : {};
    const servername = net.isIP(where.host) === 0 ? { servername: where.host } : {}; // a number is no name to ask for
    return { socket: tls.connect({ ...where, ...servername, ...authorities, ...options, noDelay: true }), ready: 'secureConnect' };
}

export class Lane {
    // target: what a client is of: address, workspace, timeoutMs, token, tls.
    constructor(target) {
        this.target = target;
        this.address = target.address;
        this.timeoutMs = target.timeoutMs;
        this.flight = new Flight();
        this.socket = null;
        this.connecting = null;
        this.output = [];
        this.paused = false;
        this.room = []; // who waits for some
        this.timer = null;
        this.timerAt = Infinity;
        this.closed = false;
    }

    // ---- calls ----

    isReady() {
        return this.socket !== null && !this.paused && this.flight.hasRoom();
    }

    // Put it in flight. Waits while too much is.
    async submit(call, deadline) {
        while (!this.isReady()) {
            if (this.closed) throw new Closed('the client was closed');
            if (this.socket === null) await this.untilConnected(deadline);
            else await this.untilRoom(deadline);
        }
        return this.submitNow(call, deadline);
    }

    submitNow(call, deadline) {
        const pending = this.flight.begin(call, deadline, deadline - now());
        if (this.flight.pending.size === 1) this.socket.ref();
        // What is submitted in one round of the loop goes out with one write.
        if (this.output.length === 0) process.nextTick(() => this.write());
        this.output.push(pending.frame);
        if (deadline < this.timerAt) this.arm(deadline);
        return pending;
    }

    // Its value; throws its error. Right where the answer is used, it is read.
    async wait(pending) {
        if (!pending.done) await pending.settled;
        return pending.take();
    }

    drop(pending) {
        this.flight.drop(pending);
        this.rested();
    }

    // Something was finished: there may be room, or nothing in flight any more.
    rested() {
        if (this.flight.pending.size === 0) this.socket?.unref();
        // Once there is room for many: woken one by one, each would send a packet of its own.
        if (this.room.length === 0 || this.paused || !this.flight.hasRoom() || this.flight.pending.size > COUNT_MAX / 2) return;
        for (const wake of this.room.splice(0, COUNT_MAX - this.flight.pending.size)) wake();
    }

    async untilRoom(deadline) {
        let wake;
        const woken = new Promise((resolve) => { wake = resolve; });
        this.room.push(wake);
        try {
            await before(deadline, woken, () => new DeadlineExceeded(`too much is in flight to ${this.address}`));
        } catch (error) {
            this.room = this.room.filter((one) => one !== wake);
            throw error;
        }
    }

    // One timer for all: at the earliest deadline, or before it.
    arm(deadline) {
        clearTimeout(this.timer);
        this.timerAt = deadline;
        this.timer = setTimeout(() => this.expire(), Math.max(1, deadline - now()));
        this.timer.unref();
    }

    expire() {
        this.timer = null;
        this.timerAt = Infinity;
        const time = now();
        let next = Infinity;
        for (const pending of [...this.flight.pending.values()]) {
            if (pending.deadline > time) {
                next = Math.min(next, pending.deadline);
                continue;
            }
            this.flight.drop(pending);
            pending.fail(new DeadlineExceeded(`no answer from ${this.address} in time`));
        }
        if (next < Infinity) this.arm(next);
        this.rested();
    }

    write() {
        const output = this.output;
        this.output = [];
        if (this.socket === null || output.length === 0) return; // what was lost is in flight, and sent again with it
        if (!this.socket.write(output.length === 1 ? output[0] : Buffer.concat(output))) this.paused = true;
    }

    // ---- the connection ----

    async untilConnected(deadline) {
        this.connecting ??= this.connect();
        const error = await before(deadline, this.connecting, () => new DeadlineExceeded(`no connection to ${this.address} in time`));
        if (error !== null) throw error;
    }

    // Connect and greet, several times if it must be, then send again what is in flight. Resolves to null or an error.
    async connect() {
        const deadline = now() + this.timeoutMs;
        let error = null;
        let attempt = 0;
        for (const pause of pauses()) {
            attempt++;
            try {
                this.socket = await before(deadline, this.open(deadline), () => new DeadlineExceeded('it does not greet'));
                error = null;
                break;
            } catch (why) {
                error = why;
                const mayWork = !(why instanceof ShoalError) || why instanceof Closed || why instanceof Busy;
                if (mayWork && !this.closed && attempt < ATTEMPT_COUNT_MAX && now() + pause < deadline) {
                    await sleep(pause);
                    continue;
                }
                if (mayWork || why instanceof DeadlineExceeded) {
                    const Kind = why instanceof DeadlineExceeded ? DeadlineExceeded : Closed;
                    error = new Kind(`cannot connect to ${this.address}: ${why.message || why.code}`, { hint: 'is shoald running there?' });
                }
                break;
            }
        }
        this.connecting = null;
        if (error === null && this.closed) {
            this.socket.destroy();
            this.socket = null;
            error = new Closed('the client was closed');
        }
        if (error !== null) {
            this.flight.giveUp(error);
            this.wakeAll();
            return error;
        }
        // What waits in output is in flight too: once is enough.
        this.output = [];
        for (const frame of this.flight.again()) if (!this.socket.write(frame)) this.paused = true;
        this.rested();
        return null;
    }

    // A socket that has greeted and belongs to this lane.
    async open(deadline) {
        const { workspace, token } = this.target;
        const greeting = new Flight();
        const hello = greeting.begin(raw('hello', { version: 1, workspace, client: 'shoal-node', token }), Infinity, 0);
        const { socket, ready } = connectTo(this.address, this.target.tls);
        let greeted = false;
        const end = setTimeout(() => socket.destroy(), Math.max(1, deadline - now()));
        try {
            await new Promise((resolve, reject) => {
                socket.on(ready, () => socket.write(hello.frame));
                socket.on('error', (why) => reject(why));
                socket.on('close', () => {
                    reject(greeting.farewell ?? new Closed('the server closed the connection'));
                    if (greeted) this.lost(socket);
                });
                socket.on('drain', () => {
                    if (socket !== this.socket) return;
                    this.paused = false;
                    this.rested();
                });
                socket.on('data', (data) => {
                    try {
                        if (greeted) {
                            this.flight.receive(data);
                            this.rested();
                        } else {
                            greeting.receive(data);
                            if (hello.done) resolve(hello.take()); // throws what the server refuses
                        }
                    } catch (error) {
                        reject(error);
                        if (greeted) this.broken(socket, error);
                    }
                });
            });
        } catch (error) {
            socket.destroy();
            throw error;
        } finally {
            clearTimeout(end);
        }
        greeted = true;
        return socket;
    }

    lost(socket) {
        if (socket !== this.socket) return;
        this.socket = null;
        this.paused = false;
        this.flight.lost('the server closed it');
        if (this.flight.pending.size > 0 && !this.closed) this.connecting ??= this.connect();
        this.wakeAll();
    }

    // Whoever waits for room looks again.
    wakeAll() {
        for (const wake of this.room.splice(0)) wake();
    }

    // The stream cannot be read on, and would not be better a second time.
    broken(socket, error) {
        if (socket === this.socket) {
            this.flight.giveUp(error instanceof ShoalError ? error : new ProtocolError(String(error)));
            this.flight = new Flight();
        }
        socket.destroy();
    }

    close() {
        this.closed = true;
        clearTimeout(this.timer);
        this.flight.giveUp(new Closed('the client was closed'));
        this.socket?.destroy();
        this.socket = null;
        this.wakeAll();
    }
}
