// Many rows become batches. No sockets: Writer (client.js) sends them.
//
//     add row, add row ... -> [ packed rows ] -- full: rows or bytes --> take: one put of the protocol
//
// A row is packed once, when it is added, so a batch's size is known to the byte. Places of rows count all that were added, from 0;
// refused rows are told by them.
import { readWritten } from './answers.js';
import { Call, PUT, given } from './calls.js';
import { ArgumentError, Conflict, TooLarge } from './errors.js';
import * as wire from './wire.js';

export const ROWS_MAX = 65_536; // of the protocol
export const BYTES_MAX = wire.REQUEST_BYTES_MAX - 65_536; // room for the frame, names of fields and number
const HEAD_ROOM = 5; // an array's header in its longest form

// What became of the rows.
export class Report {
    constructor() {
        this.rows = 0;
        this.accepted = 0;
        this.created = 0;
        this.duplicates = 0;
        this.refusedCount = 0;
        this.refused = [];
        this.unanswered = [];
    }
}

export class Batcher {
    constructor(what, { fields, nil, batchRows = 8192, batchBytes = 1 << 20, refusedMax = 10_000 } = {}) {
        if (!Object.hasOwn(PUT, what)) throw new ArgumentError(`a writer is for users, items or events, not '${what}'`);
        if (!(batchRows >= 1 && batchRows <= ROWS_MAX && batchBytes >= 1 && batchBytes <= BYTES_MAX))
            throw new ArgumentError(`a batch has 1 to ${ROWS_MAX} rows and 1 to ${BYTES_MAX} bytes`);
        this.method = PUT[what];
        const named = given({ fields, nil });
        const parts = [Buffer.of(0x80 + Object.keys(named).length + 1)];
        for (const name of Object.keys(named)) parts.push(wire.pack(name), wire.pack(named[name]));
        parts.push(wire.pack(fields === undefined ? what : 'rows'));
        this.head = Buffer.concat(parts);
        this.batchRows = batchRows;
        this.batchBytes = batchBytes;
        this.refusedMax = refusedMax;
        this.report = new Report();
        this.begin();
    }

    begin() {
        this.rows = 0;
        this.start = this.head.length + HEAD_ROOM;
        this.end = this.start;
        this.bytes = Buffer.allocUnsafe(this.start + Math.min(this.batchBytes, 64 << 10));
    }

    // The batch to send now, if the row does not fit into it any more; else null. A row that cannot be packed raises TypeError, one that
    // no message can carry TooLarge; neither is added.
    add(row) {
        const packed = wire.packShared(row);
        if (packed.length > BYTES_MAX)
            throw new TooLarge(`row ${this.report.rows} has ${packed.length} bytes, a message at most ${BYTES_MAX}`);
        let full = null;
        if (this.rows >= this.batchRows || (this.rows > 0 && this.end - this.start + packed.length > this.batchBytes)) full = this.take();
        if (this.end + packed.length > this.bytes.length) {
            const roomier = Buffer.allocUnsafe(2 * (this.end + packed.length));
            this.bytes.copy(roomier, 0, 0, this.end);
            this.bytes = roomier;
        }
        this.bytes.set(packed, this.end);
        this.end += packed.length;
        this.rows++;
        this.report.rows++;
        return full;
    }

    // What was added since, as one put; null if that is nothing.
    take() {
        const count = this.rows;
        if (count === 0) return null;
        // The array's header right before the rows, the rest right before it.
        let at = this.start;
        if (count < 16) {
            this.bytes[--at] = 0x90 + count;
        } else if (count < 0x10000) {
            at -= 3;
            this.bytes[at] = 0xdc;
            this.bytes.writeUInt16BE(count, at + 1);
        } else {
            at -= 5;
            this.bytes[at] = 0xdd;
            this.bytes.writeUInt32BE(count, at + 1);
        }
        at -= this.head.length;
        this.head.copy(this.bytes, at);
        const call = new Call(this.method, { first: this.report.rows - count, count }, readWritten, this.bytes.subarray(at, this.end));
        this.begin();
        return call;
    }

    // Add an answer to the report. Throws the error of a batch that was refused as a whole; error.rows says which rows.
    account(pending) {
        const { first, count } = pending.call.params;
        const report = this.report;
        let written;
        try {
            written = pending.take();
        } catch (error) {
            if (error instanceof Conflict && pending.sentCount > 1) {
                report.unanswered.push({ first, count });
                return;
            }
            error.rows = { first, count };
            throw error;
        }
        report.accepted += written.accepted;
        report.created += written.created;
        report.duplicates += written.duplicates;
        report.refusedCount += written.refused.length;
        for (const row of written.refused.slice(0, Math.max(0, this.refusedMax - report.refused.length))) {
            row.row += first;
            report.refused.push(row);
        }
    }
}
