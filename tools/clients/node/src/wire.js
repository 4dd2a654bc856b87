// MessagePack-RPC frames: [0, msgid, method, [params]] there, [1, msgid, error, result] back.
//
// A writing request has a second map beside its params, {client, seq}: under that number the server does it once, however often
// it is sent. Values that MessagePack does not have: a Date goes as milliseconds, a Set as an array, what is undefined in a map is left
// out. A whole number beyond 2^53 arrives as a BigInt, every other number as a number.
import { Decoder, Encoder } from '@msgpack/msgpack';

export const ANSWER_BYTES_MAX = 256 << 20;
export const REQUEST_BYTES_MAX = 8 << 20;
export const TIMEOUT_MS_MAX = 3_600_000;

class ExactDecoder extends Decoder {
    // The package's own choice is between numbers that are rounded and BigInt for every time in milliseconds.
    readU64() {
        const value = super.readU64();
        if (Number.isSafeInteger(value)) return value;
        return this.view.getBigUint64(this.pos - 8);
    }

    readI64() {
        const value = super.readI64();
        if (Number.isSafeInteger(value)) return value;
        return this.view.getBigInt64(this.pos - 8);
    }
}

class ExactEncoder extends Encoder {
    // With BigInt allowed the package sends numbers beyond 32 bits as floats.
    encodeNumberAsFloat(value) {
        if (!Number.isSafeInteger(value)) {
            super.encodeNumberAsFloat(value);
        } else if (value >= 0) {
            this.writeU8(0xcf);
            this.writeU64(value);
        } else {
            this.writeU8(0xd3);
            this.writeI64(value);
        }
    }
}

const encoder = new ExactEncoder({ useBigInt64: true, ignoreUndefined: true });
const decoder = new ExactDecoder();

// What a value is in MessagePack: the value itself where nothing in it must change.
export function plain(value) {
    if (value === null || typeof value !== 'object') {
        if (typeof value === 'function' || typeof value === 'symbol') throw new TypeError(`a ${typeof value} cannot be sent`);
        return value;
    }
    if (value instanceof Date) {
        if (Number.isNaN(value.getTime())) throw new TypeError('an invalid Date cannot be sent');
        return value.getTime();
    }
    if (value instanceof Set) return [...value].sort().map(plain);
    if (value instanceof Map) return plain(Object.fromEntries(value));
    if (ArrayBuffer.isView(value)) return value;
    let changed = null;
    if (Array.isArray(value)) {
        for (let i = 0; i < value.length; i++) {
            const part = plain(value[i]);
            if (part !== value[i]) (changed ??= value.slice())[i] = part;
        }
        return changed ?? value;
    }
    for (const name of Object.keys(value)) {
        const part = plain(value[name]);
        if (part !== value[name]) (changed ??= { ...value })[name] = part;
    }
    return changed ?? value;
}

// The packed bytes, a copy of their own. TypeError: there is something in it that cannot be sent.
export function pack(value) {
    return encoder.encode(plain(value));
}

export function unpack(bytes) {
    return decoder.decode(bytes);
}

// The same, good until the next pack: for who copies it at once.
export function packShared(value) {
    return encoder.encodeSharedRef(plain(value));
}

const methods = new Map();

function methodBytes(method) {
    let bytes = methods.get(method);
    if (bytes === undefined) methods.set(method, bytes = Buffer.from(pack(method)));
    return bytes;
}

function packMsgid(msgid) {
    if (msgid < 0x80) return Buffer.of(msgid);
    if (msgid < 0x100) return Buffer.of(0xcc, msgid);
    if (msgid < 0x10000) return Buffer.of(0xcd, msgid >> 8, msgid & 255);
    return Buffer.of(0xce, msgid >>> 24, (msgid >>> 16) & 255, (msgid >>> 8) & 255, msgid & 255);
}

// The msgid that begins at `at`; -1 if something else stands there.
export function readMsgid(bytes, at) {
    const byte = bytes[at];
    if (byte < 0x80) return byte;
    if (byte >= 0xcc && byte <= 0xce) return bytes.readUIntBE(at + 1, 1 << (byte - 0xcc));
    return -1;
}

const FRAME = Buffer.of(0x94, 0x00);
const PARAMS = Buffer.of(0x91);
const PARAMS_AND_NUMBER = Buffer.of(0x92);

// params and number are packed maps; no number, no second map.
export function request(msgid, method, params, number = null) {
    const parts = [FRAME, packMsgid(msgid), methodBytes(method), number ? PARAMS_AND_NUMBER : PARAMS, params];
    if (number) parts.push(number);
    return Buffer.concat(parts);
}

export function packNumber(client, seq) {
    return pack({ client, seq });
}

// Where messages end, in bytes that come in pieces: a count of values that are still to come is all there is to know.
//
//     scan(bytes, from): the end of the message that begins at `from`, or -1: not all of it is there yet. Called again with more bytes
//     behind the same ones it goes on where it stopped.
export class Framing {
    constructor() {
        this.reset();
    }

    reset() {
        this.at = -1;
        this.left = 0;
    }

    scan(bytes, from) {
        let at = this.at < 0 ? from : this.at;
        let left = this.at < 0 ? 1 : this.left;
        const end = bytes.length;
        while (left > 0 && at < end) {
            const byte = bytes[at];
            let next = at + 1;
            let inside = 0;
            if (byte < 0x80 || byte >= 0xe0) {
                // a small integer
            } else if (byte < 0x90) {
                inside = (byte & 15) * 2;
            } else if (byte < 0xa0) {
                inside = byte & 15;
            } else if (byte < 0xc0) {
                next += byte & 31;
            } else {
                const known = HEADS[byte - 0xc0];
                if (known === undefined) throw new RangeError(`byte 0x${byte.toString(16)} begins no value`);
                if (next + known.width > end) break;
                const size = known.width === 0 ? 0 : bytes.readUIntBE(next, known.width);
                next += known.width + known.more + (known.isText ? size : 0);
                inside = size * known.inside;
            }
            at = next;
            left += inside - 1;
        }
        if (left === 0 && at <= end) {
            this.reset();
            return at;
        }
        this.at = at;
        this.left = left;
        return -1;
    }
}

// width: bytes of a length; more: bytes beside it; isText: the length is of bytes; inside: values for each of the length.
const plainHead = (more) => ({ width: 0, more, isText: false, inside: 0 });
const textHead = (width, more = 0) => ({ width, more, isText: true, inside: 0 });
const groupHead = (width, inside) => ({ width, more: 0, isText: false, inside });
const HEADS = [
    plainHead(0), undefined, plainHead(0), plainHead(0), textHead(1), textHead(2), textHead(4), textHead(1, 1), textHead(2, 1), textHead(4, 1),
    plainHead(4), plainHead(8), plainHead(1), plainHead(2), plainHead(4), plainHead(8), plainHead(1), plainHead(2), plainHead(4), plainHead(8),
    plainHead(2), plainHead(3), plainHead(5), plainHead(9), plainHead(17), textHead(1), textHead(2), textHead(4), groupHead(2, 1),
    groupHead(4, 1), groupHead(2, 2), groupHead(4, 2),
];

// {path}, {host, port} or {host, port, isTls} of "unix:/path", "127.0.0.1:7717", "tcp:host:7717", "[::1]:7717" or "tls:host:7718".
export function readAddress(address) {
    if (address.startsWith('unix:')) return { path: address.slice(5) };
    const found = /^(?:tcp:|(tls:))?(.+):(\d{1,5})$/.exec(address);
    if (!found) throw new TypeError(`an address is host:port, tls:host:port or unix:/path, not '${address}'`);
    const where = { host: found[2].replace(/^\[(.*)\]$/, '$1'), port: Number(found[3]) };
    return found[1] === undefined ? where : { ...where, isTls: true };
}
