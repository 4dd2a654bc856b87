// Types of shoal-client. Times are milliseconds since 1970, decimals are strings: exact, as the server gives them.

/** The text of an expression, or the same tree as arrays. */
export type Expression = string | readonly unknown[];
/** What can be sent: a Date goes as milliseconds, a Set as an array, undefined in a map is left out. */
export type Value = null | undefined | boolean | number | bigint | string | Date | Uint8Array | readonly Value[] | ReadonlySet<Value> |
    { readonly [name: string]: Value };
export type Row = { readonly [name: string]: Value } | readonly Value[];
export type What = 'users' | 'items' | 'events';
export type Moment = number | string | Date;

export interface RunOptions {
    /** How long it may take, with connecting, sending again and all. */
    timeoutMs?: number;
    signal?: AbortSignal;
}
export interface CountOptions { now?: Moment }
export interface ListOptions { fields?: readonly string[]; order?: string; desc?: boolean; now?: Moment }
export interface EventsOptions {
    types?: string[];
    from?: number | string | Date;
    until?: number | string | Date;
    now?: number | string | Date;
    /** Events asked for at a time: 5,000. */
    size?: number;
}
export interface PagesOptions extends ListOptions {
    /** Users in a page; 1,000 unless given. */
    size?: number;
}
export interface SampleOptions { seed?: string | number; fields?: readonly string[]; now?: Moment }
export interface UserOptions { fields?: readonly string[]; events?: number }
export interface FeedOptions {
    count?: number;
    /** The items of the visit, oldest first. */
    session?: readonly string[];
    /** An expression over items. */
    filter?: Expression;
    exclude?: readonly string[];
    fields?: readonly string[];
    seed?: string | number;
    /** The place in the shop whose rules hold. */
    scene?: string;
    /** Whose trends count; everywhere without it. */
    store?: string;
    /** Of the page before. */
    cursor?: string;
    /** none: ids and scores alone; full: contributions, rules and propensities too. */
    explain?: 'none' | 'reasons' | 'full';
    /** Refused as busy until that client's numbered write is done here. */
    after?: { client: string; number: number };
    /** false: a preview, not to be learned from. */
    record?: boolean;
    now?: Moment;
    boost?: readonly FeedBoost[];
    bury?: readonly FeedBoost[];
    /** Places from 1. */
    pins?: readonly { item: string; place: number }[];
    slots?: readonly { where: Expression; place: number; name?: string }[];
    quotas?: readonly { where: Expression; of: number; at_least?: number; at_most?: number; name?: string }[];
    diversity?: FeedDiversity | readonly FeedDiversity[];
    /** 0 to 1: how much places avoid what is like those before. */
    mmr?: number;
    /** For how many days after such an event an item is held back. */
    held?: { served?: number; seen?: number; skipped?: number; disliked?: number; bought?: number };
    caps?: readonly { what?: string; count: number; days?: number }[];
    fatigue?: { days?: number; factor?: number };
    /** What gives way, in this order, when a place would stay empty. */
    relax?: readonly string[];
    floor?: number;
    /** Weights of features. */
    scores?: { readonly [feature: string]: number };
    /** Of event types: how much each event of the user says here. */
    weights?: { readonly [eventType: string]: number };
    half_life_days?: { short?: number; long?: number; types?: { readonly [eventType: string]: { short?: number; long?: number } } };
    goals?: { click?: number; cart?: number; purchase?: number; amount?: number };
}
export interface FeedBoost { where: Expression; factor?: number; points?: number; name?: string }
export interface FeedDiversity { attribute: string; count?: number; window?: number }
/** The rules of a scene: those of a feed, and some of its own. */
export interface SceneRules extends Pick<FeedOptions, 'boost' | 'bury' | 'pins' | 'slots' | 'quotas' | 'diversity' | 'mmr' | 'held' | 'caps' |
    'fatigue' | 'relax' | 'floor' | 'scores' | 'weights' | 'half_life_days' | 'goals'> {
    targets?: readonly { where?: Expression; segment?: string; users?: Expression; tag_set?: string }[];
    eligible?: Expression;
    store_field?: string;
}
export interface CompanionOptions { count?: number; filter?: Expression; fields?: readonly string[]; now?: Moment }
export interface UsersForItemOptions { where?: Expression; count?: number; fields?: readonly string[]; now?: Moment }
export interface BatchOptions extends Omit<FeedOptions, 'session' | 'cursor' | 'now'> {
    /** A list of ids, or `where`: who they are. */
    users?: readonly (string | number)[];
    where?: Expression;
    /** Users a page. */
    limit?: number;
    cursor?: string;
    now?: Moment;
}
export interface ServedOptions { user?: string | number; now?: Moment; place?: number; hour?: number }
export interface TrainOptions {
    every_hours?: number; dimensions?: number; epochs?: number; neighbours?: number; unobserved?: number; regularisation?: number;
    shrink?: number; alpha?: number; beta?: number; seed?: number;
}
export interface ModelPart {
    number?: number; part?: number; parts?: number; items: readonly string[]; rows: Uint8Array; about?: { readonly [name: string]: Value };
}
export interface TrendingOptions {
    count?: number; filter?: Expression; fields?: readonly string[]; now?: Moment;
    /** Whose store; everywhere without it. */
    store?: string;
    by?: 'long' | 'short' | 'rising';
}
export interface PutOptions {
    /** The names of the values; then each row is an array in their order. */
    fields?: readonly string[];
    nil?: 'clear' | 'leave';
}

export interface Count {
    count: number;
    /** All users of the workspace. */
    total: number;
}
export interface Page {
    ids: string[];
    /** With `fields`: [id, value, ...] of each user; ids has the ids all the same. */
    rows: unknown[][] | null;
    /** How many the audience has; on the first page. */
    count: number | null;
    /** People of this page who were forgotten since the audience was frozen. */
    skipped: number;
    /** For the next page; null on the last one. */
    cursor: unknown;
}
export interface Sample {
    /** How many the audience has that the sample was drawn from. */
    count: number;
    ids: string[];
    rows: unknown[][] | null;
}
/** Why an item is in a feed: `share` of its score is due to this. */
export interface Reason {
    kind: string;
    value: number;
    share: number;
    /** The tag or value that it is about, of the tag set or attribute `of`. */
    name?: string;
    of?: string;
}
export class FeedItem {
    readonly id: string;
    readonly score: number;
    readonly sources: string[];
    readonly reasons: Reason[];
    readonly fields: { [name: string]: unknown };
    /** How likely it was to stand there; 1 unless its place was explored. */
    readonly propensity: number;
    /** With explain full: in their order they add up to the score. */
    readonly contributions: { [feature: string]: number };
    /** What put it there, and the rules that gave way for it; with explain full. */
    readonly rules: string[];
    readonly relaxed: string[];
    /** Of similar and alsoBought: how much, or how many people, say so. */
    readonly together: number | null;
}
/** What became of one item in a feed, and why. */
export interface Fate {
    item: string;
    shown: boolean;
    /** shown, or what kept it out: catalogue, eligible, scene, store, target, filter, excluded, cursor, held, score, place. */
    stage: string;
    rules: string[];
    candidates: number;
    place: number | null;
    rank: number | null;
    /** null, and nothing below it, for an item that is not listed. */
    score: number | null;
    lastScore: number | null;
    contributions: { [feature: string]: number };
    sources: string[];
    reasons: Reason[];
    applied: string[];
}
/** What goes with an item: `of` buyers, or so much liking, say so; counts may be too low by `missing`. */
export interface Companions { items: FeedItem[]; of: number; missing: number }
export interface UserFit {
    id: string; score: number; affinity: number; pairs: number; walk: number; reasons: Reason[]; fields: { [name: string]: unknown };
}
export interface UsersForItem { count: number; users: UserFit[] }
export interface UserFeed { user: string; feed: Feed }
export interface Batch { feeds: UserFeed[]; cursor: string | null }
export interface Scene { name: string; rules: { [rule: string]: any }; changedAt: number }
export interface Model {
    name: string; due: boolean; plan: { [name: string]: any } | null; table: { [name: string]: any } | null;
    /** Why the last training came to nothing. */
    fault: string | null;
}
/** A feed that was shown, and what came of its items. */
export interface Impression { recId: string; time: number; items: { id: string; place: number; score: number; propensity: number; [name: string]: any }[] }
export class Feed {
    readonly recId: string;
    readonly items: FeedItem[];
    /** Rules that had to give way to fill the feed: seen, bought, diversity. */
    readonly relaxed: string[];
    /** For the next page, with the same request; null when there is none. */
    readonly cursor: string | null;
    /** How many items were scored; with explain full. */
    readonly candidates: number | null;
    readonly tookUs: number;
}
/** A row that was refused; the others of its batch were not. */
export interface Refused {
    /** Its place, counted from 0: in the batch, or in all that a writer was given. */
    row: number;
    code: number;
    status: string;
    message: string;
    hint: string | null;
}
export interface Written { accepted: number; created: number; duplicates: number; refused: Refused[] }
export interface Rows { first: number; count: number }
/** What became of a writer's rows. */
export class Report {
    rows: number;
    accepted: number;
    created: number;
    duplicates: number;
    refusedCount: number;
    /** The first refused rows (as many as the writer was told to keep), each with its place among all rows. */
    refused: Refused[];
    /** Batches that were done, but whose answer was lost with a connection: the server keeps only short answers. Which of their rows
     *  were refused is not known. */
    unanswered: Rows[];
}
export type Answer = { took_us: number; [name: string]: any };

/** A question as a value. */
export interface Call<T> {
    readonly method: string;
    readonly params: { readonly [name: string]: Value };
    readonly read: (result: any) => T;
}
export namespace calls {
    function raw(method: string, params?: { readonly [name: string]: Value }): Call<Answer>;
    function count(where: Expression, options?: CountOptions): Call<Count>;
    function page(where: Expression, options?: ListOptions & { limit?: number; keep?: boolean }): Call<Page>;
    function nextPage(cursor: unknown, options?: { limit?: number }): Call<Page>;
    function close(cursor: unknown): Call<Answer>;
    function sample(where: Expression, count: number, options?: SampleOptions): Call<Sample>;
    function user(id: string | number, options?: UserOptions): Call<{ id: string; [name: string]: any }>;
    function feed(user?: string | number | null, options?: FeedOptions): Call<Feed>;
    function feedWhy(item: string | number, user?: string | number | null, options?: FeedOptions): Call<Fate>;
    function trending(options?: TrendingOptions): Call<FeedItem[]>;
    function similar(item: string | number, options?: CompanionOptions): Call<Companions>;
    function alsoBought(item: string | number, options?: CompanionOptions & { by?: 'cosine' | 'walk' }): Call<Companions>;
    function usersForItem(item: string | number, options?: UsersForItemOptions): Call<UsersForItem>;
    function batch(options: BatchOptions): Call<Batch>;
    function served(recId: string, items: Iterable<string | readonly Value[]>, options?: ServedOptions): Call<Answer>;
    function learning(options?: CountOptions): Call<Answer>;
    function impressions(options?: { after?: unknown; limit?: number }): Call<{ impressions: Impression[]; after: unknown }>;
    function putScene(name: string, rules: SceneRules): Call<boolean>;
    function scene(name: string): Call<Scene>;
    function scenes(): Call<Scene[]>;
    function removeScene(name: string): Call<boolean>;
    function train(name: string, options?: TrainOptions): Call<number>;
    function models(): Call<Model[]>;
    function putModel(name: string, part: ModelPart): Call<boolean>;
    function removeModel(name: string): Call<boolean>;
    function likings(options?: { at?: unknown; count?: number }): Call<Answer>;
    function put(what: What, rows: Iterable<Row>, options?: PutOptions): Call<Written>;
}

export interface WriterOptions extends PutOptions {
    /** A batch goes at so many rows (8,192 unless given) ... */
    batchRows?: number;
    /** ... or bytes (1 MiB unless given). */
    batchBytes?: number;
    /** Batches in flight; 4 unless given. */
    window?: number;
    /** How many refused rows the report names; 10,000 unless given. */
    refusedMax?: number;
    timeoutMs?: number;
}
/** Rows in batches. A batch that is refused as a whole throws its error, with error.rows; rows that are refused by themselves are in
 *  the report. */
export class Writer {
    readonly report: Report;
    /** Await what it returns: a promise when the server is slower, undefined while there is room. */
    add(row: Row): Promise<void> | undefined;
    addAll(rows: Iterable<Row> | AsyncIterable<Row>): Promise<void>;
    /** Send what was added and wait for all answers. */
    flush(): Promise<Report>;
    close(): Promise<Report>;
}

export interface ClientOptions {
    /** The token's own, or "default". */
    workspace?: string;
    /** "id.secret" for a server with access control; SHOAL_TOKEN unless given. */
    token?: string;
    /** For an address tls:host:port, as node:tls has them: ca, cert, key ... Believed are the authorities of the file SHOAL_TLS_CA, or
     *  those that Node knows, unless `ca` says others. */
    tls?: { ca?: string | Uint8Array | readonly (string | Uint8Array)[]; cert?: string | Uint8Array; key?: string | Uint8Array; [name: string]: unknown };
    /** Milliseconds that a call may take, with connecting, sending again and all; 30,000 unless given. */
    timeoutMs?: number;
    /** Connections, made when they are needed; 2 unless given. */
    pool?: number;
}
/** Of one server and workspace. A call is made again when its connection was lost (a write under its number, so that it is done once)
 *  and when the server was busy. Calls that are in flight together are in no order of each other. */
export class Client {
    /** "host:port", "[::1]:7717", "tls:host:7718" or "unix:/path"; 127.0.0.1:7717 unless given. Nothing is connected before the first call. */
    constructor(address?: string, options?: ClientOptions);
    readonly address: string;
    run<T>(call: Call<T>, options?: RunOptions): Promise<T>;
    /** The results in their order, up to `window` (128 unless given) of the calls in flight on one connection. */
    map<T>(many: Iterable<Call<T>> | AsyncIterable<Call<T>>, options?: { window?: number; timeoutMs?: number }): AsyncGenerator<T, void>;
    /** Any method of the protocol, its answer as it is. */
    call(method: string, params?: { readonly [name: string]: Value }, options?: RunOptions): Promise<Answer>;
    writer(what: What, options?: WriterOptions): Writer;
    /** One batch of users, items or events. */
    put(what: What, rows: Iterable<Row>, options?: PutOptions & RunOptions): Promise<Written>;
    count(where: Expression, options?: CountOptions & RunOptions): Promise<Count>;
    sample(where: Expression, count: number, options?: SampleOptions & RunOptions): Promise<Sample>;
    /** All of an audience, frozen with the first page. Leaving the loop early lets go of the rest on the server. */
    pages(where: Expression, options?: PagesOptions & RunOptions): AsyncGenerator<Page, void>;
    ids(where: Expression, options?: PagesOptions & RunOptions): AsyncGenerator<string, void>;
    /** Everything that happened from `from` to before `until` (to now unless said), in the order of time. */
    events(options?: EventsOptions & RunOptions): AsyncGenerator<{ type: string; user: string; time: number; [name: string]: any }, void>;
    /** The id of each item, ascending by bytes; with `listed` of those that are, or are no longer, alone. */
    itemIds(options?: { listed?: boolean; size?: number } & RunOptions): AsyncGenerator<string, void>;
    /** NotFound if there is none. */
    user(id: string | number, options?: UserOptions & RunOptions): Promise<{ id: string; [name: string]: any }>;
    feed(user?: string | number | null, options?: FeedOptions & RunOptions): Promise<Feed>;
    /** A feed page by page, for endless scrolling: nothing comes twice. */
    feedPages(user?: string | number | null, options?: FeedOptions & RunOptions): AsyncGenerator<Feed, void>;
    /** The fate of one item in a feed: shown, or what kept it out. */
    feedWhy(item: string | number, user?: string | number | null, options?: FeedOptions & RunOptions): Promise<Fate>;
    trending(options?: TrendingOptions & RunOptions): Promise<FeedItem[]>;
    similar(item: string | number, options?: CompanionOptions & RunOptions): Promise<Companions>;
    alsoBought(item: string | number, options?: CompanionOptions & { by?: 'cosine' | 'walk' } & RunOptions): Promise<Companions>;
    usersForItem(item: string | number, options?: UsersForItemOptions & RunOptions): Promise<UsersForItem>;
    batch(options: BatchOptions & RunOptions): Promise<Batch>;
    /** Everybody of an audience with their feed, for pushes. */
    batches(where: Expression, options?: Omit<BatchOptions, 'users' | 'where' | 'cursor'> & RunOptions): AsyncGenerator<UserFeed, void>;
    served(recId: string, items: Iterable<string | readonly Value[]>, options?: ServedOptions & RunOptions): Promise<Answer>;
    learning(options?: CountOptions & RunOptions): Promise<Answer>;
    /** What feeds showed and what came of it, oldest first. */
    impressions(options?: { after?: unknown; size?: number } & RunOptions): AsyncGenerator<Impression, void>;
    /** Has anything changed? */
    putScene(name: string, rules: SceneRules, options?: RunOptions): Promise<boolean>;
    scene(name: string, options?: RunOptions): Promise<Scene>;
    scenes(options?: RunOptions): Promise<Scene[]>;
    removeScene(name: string, options?: RunOptions): Promise<boolean>;
    /** The number of the plan. */
    train(name: string, options?: TrainOptions & RunOptions): Promise<number>;
    models(options?: RunOptions): Promise<Model[]>;
    /** Is it whole now? */
    putModel(name: string, part: ModelPart & RunOptions): Promise<boolean>;
    removeModel(name: string, options?: RunOptions): Promise<boolean>;
    likings(options?: { at?: unknown; count?: number } & RunOptions): Promise<Answer>;
    close(): void;
}

/** code and status as the protocol has them. */
export class ShoalError extends Error {
    readonly code: number;
    readonly status: string;
    /** Bytes of UTF-8 before the fault. */
    readonly position: number | null;
    /** The same as an index into `expression`. */
    readonly column: number | null;
    readonly expression: string | null;
    readonly hint: string | null;
    /** False if this side found it, and then nobody can say whether the request was done. */
    readonly fromServer: boolean;
    /** Of a writer: the rows of the batch that was refused as a whole. */
    readonly rows: Rows | null;
    /** With the place in the expression, marked by ». */
    toString(): string;
}
/** An expression that cannot be read, or that asks what cannot be asked. */
export class ExpressionError extends ShoalError {}
export class SyntaxFault extends ExpressionError {}
export class TypeFault extends ExpressionError {}
export class NameUnknown extends ExpressionError {}
export class ProtocolError extends ShoalError {}
export class TooLarge extends ShoalError {}
export class Unsupported extends ShoalError {}
/** No token, or none that is alive. */
export class Unauthenticated extends ShoalError {}
/** The token's roles do not open it. */
export class Forbidden extends ShoalError {}
export class ArgumentError extends ShoalError {}
export class NotFound extends ShoalError {}
export class Conflict extends ShoalError {}
export class Overflow extends ShoalError {}
export class Busy extends ShoalError {}
/** More requests than the token's limit; a call is made again until its timeout. */
export class RateLimited extends Busy {}
export class DeadlineExceeded extends ShoalError {}
export class LimitReached extends ShoalError {}
export class Closed extends ShoalError {}
export class ReadOnly extends ShoalError {}
export class ServerMemoryError extends ShoalError {}
export class ServerIOError extends ShoalError {}
export class Corrupt extends ShoalError {}
