// What is in flight on one lane, without sockets and without a clock.
//
//     begin ---> [ msgid -> Pending, oldest first ] ---> receive: done, in any order
//                   |                     ^
//                   +-- lost: what may be sent again, byte for byte; the rest has failed
//
// Rules that hold after every call:
//   - A write carries {client: this lane's id, seq}, so that it is done once, however often it is sent.
//   - The server remembers the 1,024 highest numbers of a client. So no number is given while an unanswered one is as far back as
//     SEQ_SPAN_MAX (hasRoom), and a lane has its own id: a slow lane does not fall behind the others.
//   - Frames are kept until they are answered: COUNT_MAX and BYTES_MAX bound them.
import { randomUUID } from 'node:crypto';

import { Closed, ProtocolError, TooLarge, fromMap } from './errors.js';
import * as methods from './methods.js';
import * as wire from './wire.js';

export const COUNT_MAX = 512; // half of what the server takes unread
export const BYTES_MAX = 32 << 20;
export const SEQ_SPAN_MAX = 1000;

// A call that was sent; it settles once. settled: its promise, for who waits; it never rejects. The answer is kept as bytes until take
// reads it: of many answers that wait, only the one in hand is made of objects. Nor is that kept here, in something that has grown old:
// the collector would take all that hangs on it for old too.
export class Pending {
    constructor(call, msgid, frame, seq, deadline, repeatable) {
        this.call = call;
        this.msgid = msgid;
        this.frame = frame;
        this.seq = seq;
        this.deadline = deadline;
        this.repeatable = repeatable;
        this.sentCount = 1;
        this.done = false;
        this.bytes = null;
        this.error = null;
        this.wake = null;
        this.settled = new Promise((resolve) => { this.wake = resolve; });
    }

    // The whole message. The bytes are kept, and so are those around them that came with them.
    answer(bytes) {
        this.done = true;
        this.bytes = bytes;
        this.wake();
    }

    fail(error) {
        this.done = true;
        this.error = error;
        this.wake();
    }

    // The value, once; throws the error. Only when it is done.
    take() {
        const { bytes } = this;
        this.bytes = null;
        if (bytes !== null) {
            try {
                const [, , error, result] = wire.unpack(bytes);
                if (error === null) return this.call.read(result);
                this.error = fromMap(error, this.call.params);
            } catch (fault) {
                const words = `${this.call.method}: not the answer that the protocol names: ${fault.message}`;
                this.error = new ProtocolError(words, { fromServer: true });
            }
        }
        throw this.error;
    }
}

export class Flight {
    constructor() {
        this.clientId = `js-${randomUUID()}`;
        this.seq = 0;
        this.msgid = 0;
        this.pending = new Map();
        this.writes = new Set(); // numbers that are not answered, ascending
        this.byteCount = 0;
        this.farewell = null;
        this.rest = null; // of a message whose end has not come
        this.restCount = 0;
        this.framing = new wire.Framing();
    }

    hasRoom() {
        if (this.pending.size >= COUNT_MAX || this.byteCount >= BYTES_MAX) return false;
        if (this.writes.size === 0) return true;
        const [first] = this.writes;
        return this.seq - first < SEQ_SPAN_MAX;
    }

    // timeoutMs is told to the server where the method has it.
    begin(call, deadline, timeoutMs) {
        const seq = methods.WRITES.has(call.method) ? this.seq + 1 : 0;
        let params = call.packed;
        if (params === null) {
            let asked = call.params;
            if (methods.TIMED.has(call.method) && asked.timeout_ms === undefined && asked.cursor === undefined)
                asked = { ...asked, timeout_ms: Math.min(Math.max(Math.floor(timeoutMs), 1), wire.TIMEOUT_MS_MAX) };
            params = wire.pack(asked);
        }
        const msgid = this.msgid % 0xffffffff + 1;
        const frame = wire.request(msgid, call.method, params, seq ? wire.packNumber(this.clientId, seq) : null);
        if (frame.length > wire.REQUEST_BYTES_MAX)
            throw new TooLarge(`${call.method}: ${frame.length} bytes are more than a message may have (${wire.REQUEST_BYTES_MAX})`);
        this.msgid = msgid;
        if (seq) {
            this.seq = seq;
            this.writes.add(seq);
        }
        const pending = new Pending(call, msgid, frame, seq, deadline, seq > 0 || methods.READS.has(call.method));
        this.pending.set(msgid, pending);
        this.byteCount += frame.length;
        return pending;
    }

    // Nobody waits for it any more. Its answer, if it comes, is passed over.
    drop(pending) {
        if (!this.pending.delete(pending.msgid)) return;
        this.byteCount -= pending.frame.length;
        this.writes.delete(pending.seq);
    }

    // The calls that these bytes finish. ProtocolError: the stream cannot be read on.
    receive(data) {
        const finished = [];
        try {
            let bytes = this.append(data);
            let from = 0;
            for (let end; from < bytes.length && (end = this.framing.scan(bytes, from)) >= 0; from = end)
                this.take(bytes, from, end, finished);
            this.keep(bytes, from);
        } catch (fault) {
            if (fault instanceof ProtocolError) throw fault;
            throw new ProtocolError(`what the server sends is no MessagePack-RPC: ${fault.message}`);
        }
        return finished;
    }

    // What was left before, and the new bytes behind it. The room doubles: a long answer is not copied for each of its pieces.
    append(data) {
        if (this.restCount === 0) return data;
        const count = this.restCount + data.length;
        if (count > wire.ANSWER_BYTES_MAX) throw new RangeError('an answer is too long');
        if (this.rest.length < count) {
            const roomier = Buffer.allocUnsafe(Math.min(2 * count, wire.ANSWER_BYTES_MAX));
            this.rest.copy(roomier, 0, 0, this.restCount);
            this.rest = roomier;
        }
        data.copy(this.rest, this.restCount);
        this.restCount = count;
        return this.rest.subarray(0, count);
    }

    keep(bytes, from) {
        const left = bytes.length - from;
        if (left === 0) {
            this.rest = null;
            this.restCount = 0;
            return;
        }
        if (this.framing.at >= 0) this.framing.at -= from;
        if (from === 0 && this.restCount > 0) return; // it stands there already
        this.rest = Buffer.from(bytes.subarray(from));
        this.restCount = left;
    }

    take(bytes, from, end, finished) {
        if (bytes[from] === 0x94 && bytes[from + 1] === 0x01) {
            const pending = this.pending.get(wire.readMsgid(bytes, from + 2));
            if (pending === undefined) return;
            this.drop(pending);
            pending.answer(this.restCount === 0 ? bytes.subarray(from, end) : Buffer.from(bytes.subarray(from, end)));
            finished.push(pending);
            return;
        }
        const message = wire.unpack(bytes.subarray(from, end));
        if (!Array.isArray(message)) throw new TypeError('a message that is no array');
        if (message[0] === 2 && message.length === 3 && message[1] === 'error') this.farewell = fromMap(message[2][0]);
    }

    // The connection is gone. Returns those that have failed; the others are to be sent again (again).
    lost(why) {
        this.rest = null;
        this.restCount = 0;
        this.framing.reset();
        const farewell = this.farewell;
        this.farewell = null;
        const error = farewell ?? new Closed(`the connection is lost: ${why}`);
        // What the server could not read it could not read a second time.
        const hopeless = farewell !== null && farewell.code < 400;
        const failed = [...this.pending.values()].filter((pending) => hopeless || !pending.repeatable);
        for (const pending of failed) {
            this.drop(pending);
            pending.fail(error);
        }
        return failed;
    }

    // All frames that are to be sent on a new connection, in the order they were sent first.
    again() {
        const frames = [];
        for (const pending of this.pending.values()) {
            pending.sentCount++;
            frames.push(pending.frame);
        }
        return frames;
    }

    giveUp(error) {
        const failed = [...this.pending.values()];
        for (const pending of failed) {
            this.drop(pending);
            pending.fail(error);
        }
        return failed;
    }
}
