// A question as a value: its method, its params, and how its answer is read. client.run(call) asks it, client.map(calls) asks many.
import * as answers from './answers.js';
import { ArgumentError } from './errors.js';

export const PUT = { users: 'user.put', items: 'item.put', events: 'event.append' };

// packed: the params as bytes, if they are packed already; params is then for errors only.
export class Call {
    constructor(method, params, read, packed = null) {
        this.method = method;
        this.params = params;
        this.read = read;
        this.packed = packed;
    }
}

// Only what is given: a value of nil counts as absent.
export function given(params) {
    const left = {};
    for (const name of Object.keys(params)) if (params[name] !== undefined && params[name] !== null) left[name] = params[name];
    return left;
}

// The options of one question. A name that it does not have is a mistake, and nothing is sent.
function pick(options, names) {
    const picked = {};
    for (const name of names) if (options[name] !== undefined && options[name] !== null) picked[name] = options[name];
    for (const name of Object.keys(options))
        if (!names.includes(name)) throw new ArgumentError(`there is no option '${name}'`, { hint: `there are ${names.join(', ')}` });
    return picked;
}

// Any method of the protocol; the answer's map as it is.
export function raw(method, params = {}) {
    return new Call(method, params, answers.asItIs);
}

export function count(where, options = {}) {
    return new Call('audience.count', { where, ...pick(options, ['now']) }, answers.readCount);
}

export function page(where, options = {}) {
    const params = { where, limit: 1000, ...pick(options, ['limit', 'fields', 'order', 'desc', 'keep', 'now']) };
    return new Call('audience.list', params, answers.readPage);
}

export function nextPage(cursor, options = {}) {
    return new Call('audience.list', { cursor, limit: 1000, ...pick(options, ['limit']) }, answers.readPage);
}

export function close(cursor) {
    return new Call('audience.close', { cursor }, answers.asItIs);
}

export function sample(where, count, options = {}) {
    return new Call('audience.sample', { where, count, ...pick(options, ['seed', 'fields', 'now']) }, answers.readSample);
}

export function user(id, options = {}) {
    return new Call('user.get', { id, ...pick(options, ['fields', 'events']) }, answers.readUser);
}

const FEED = ['count', 'session', 'filter', 'exclude', 'fields', 'seed', 'scene', 'store', 'cursor', 'now'];

export function feed(user = null, options = {}) {
    const params = pick(options, FEED);
    return new Call('feed.get', user === null ? params : { user, ...params }, answers.readFeed);
}

export function trending(options = {}) {
    return new Call('feed.trending', pick(options, ['count', 'filter', 'fields', 'store', 'by', 'now']), answers.readItems);
}

// One batch. what: users, items or events. With fields each row is an array of values in their order.
export function put(what, rows, options = {}) {
    if (!Object.hasOwn(PUT, what)) throw new ArgumentError(`rows are users, items or events, not '${what}'`);
    const params = pick(options, ['fields', 'nil']);
    params[params.fields === undefined ? what : 'rows'] = Array.isArray(rows) ? rows : [...rows];
    return new Call(PUT[what], params, answers.readWritten);
}
