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

export function eventsPage(options, limit, cursor) {
    const { types, ...window } = pick(options, ['types', 'from', 'until', 'now']);
    return raw('event.list', given({ types, limit, ...(cursor === null ? window : { cursor }) }));
}

export function itemsPage(options, limit, cursor) {
    return raw('item.list', given({ ...pick(options, ['listed']), limit, cursor }));
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

// What a feed may be asked with, beside its user: as the protocol has it.
const FEED = [
    'count', 'session', 'filter', 'exclude', 'fields', 'seed', 'scene', 'store', 'cursor', 'explain', 'after', 'record', 'now', 'boost', 'bury',
    'pins', 'slots', 'quotas', 'diversity', 'mmr', 'held', 'caps', 'fatigue', 'relax', 'floor', 'scores', 'weights', 'half_life_days', 'goals',
];

export function feed(user = null, options = {}) {
    const params = pick(options, FEED);
    return new Call('feed.get', user === null ? params : { user, ...params }, answers.readFeed);
}

// The fate of one item in that feed: shown, or what kept it out.
export function feedWhy(item, user = null, options = {}) {
    return new Call('feed.explain', { item, ...given({ user }), ...pick(options, FEED) }, answers.readFate);
}

export function trending(options = {}) {
    return new Call('feed.trending', pick(options, ['count', 'filter', 'fields', 'store', 'by', 'now']), answers.readItems);
}

// What is like an item.
export function similar(item, options = {}) {
    return new Call('feed.similar', { item, ...pick(options, ['count', 'filter', 'fields', 'now']) }, answers.readCompanions);
}

// What buyers of an item also bought.
export function alsoBought(item, options = {}) {
    return new Call('feed.also_bought', { item, ...pick(options, ['count', 'filter', 'fields', 'by', 'now']) }, answers.readCompanions);
}

// The users whom an item suits best.
export function usersForItem(item, options = {}) {
    return new Call('feed.users_for_item', { item, ...pick(options, ['where', 'count', 'fields', 'now']) }, answers.readUsersForItem);
}

// Feeds of a list of users, or with `where` of one page of an audience.
export function batch(options = {}) {
    const { users, where, limit, cursor, now, ...rest } = options;
    const params = given({ users, where, limit, cursor, now });
    const asked = pick(rest, FEED);
    if (Object.keys(asked).length > 0) params.feed = asked;
    return new Call('feed.batch', params, answers.readBatch);
}

// A feed that another system showed. items: ids, or [id, score, propensity, predicted].
export function served(recId, items, options = {}) {
    return new Call('feed.served', { rec_id: recId, items: [...items], ...pick(options, ['user', 'now', 'place', 'hour']) }, answers.asItIs);
}

export function learning(options = {}) {
    return new Call('feed.learning', pick(options, ['now']), answers.asItIs);
}

// A page of what was shown, oldest first.
export function impressions(options = {}) {
    return new Call('feed.impressions', { limit: 1000, ...pick(options, ['after', 'limit']) }, answers.readImpressions);
}

export function putScene(name, rules) {
    return new Call('scene.put', { name, rules }, answers.readChanged);
}

export function scene(name) {
    return new Call('scene.get', { name }, answers.readScene);
}

export function scenes() {
    return new Call('scene.list', {}, answers.readScenes);
}

export function removeScene(name) {
    return new Call('scene.remove', { name }, answers.readRemoved);
}

const PLAN = ['every_hours', 'dimensions', 'epochs', 'neighbours', 'unobserved', 'regularisation', 'shrink', 'alpha', 'beta', 'seed'];

// Train a table of items in the background. The number of the plan.
export function train(name, options = {}) {
    return new Call('model.train', { name, ...pick(options, PLAN) }, answers.readNumber);
}

export function models() {
    return new Call('model.list', {}, answers.readModels);
}

// A part of a table that was trained elsewhere; is it whole now?
export function putModel(name, options = {}) {
    return new Call('model.put', { name, ...pick(options, ['number', 'part', 'parts', 'items', 'rows', 'about']) }, answers.readWhole);
}

export function removeModel(name) {
    return new Call('model.remove', { name }, answers.readRemoved);
}

// A page of who likes what, to train elsewhere.
export function likings(options = {}) {
    return new Call('model.likings', pick(options, ['at', 'count']), answers.asItIs);
}

// One batch. what: users, items or events. With fields each row is an array of values in their order.
export function put(what, rows, options = {}) {
    if (!Object.hasOwn(PUT, what)) throw new ArgumentError(`rows are users, items or events, not '${what}'`);
    const params = pick(options, ['fields', 'nil']);
    params[params.fields === undefined ? what : 'rows'] = Array.isArray(rows) ? rows : [...rows];
    return new Call(PUT[what], params, answers.readWritten);
}
