// Ask a Shoal server from Node.
//
//     import { Client } from 'shoal-client';
//
//     const client = new Client('127.0.0.1:7717');
//     console.log((await client.count("tier >= 'gold' and city = '成都'")).count);
//
// How it is made:
//
//     Client           typed questions; a pool of lanes
//        |  calls.js   a question as a value: method, params, and how its answer is read
//     Lane             one connection that comes back after a loss, many calls in flight on it
//        |  flight.js  what is in flight, and what is to be sent again: no sockets, no clock
//     wire.js          MessagePack-RPC frames
//
// Everything that the server knows and that has no method of its own here is asked with client.call('rfm.put', { event: 'purchase' }).
export * as calls from './calls.js';
export { Report } from './bulk.js';
export { Client, Writer } from './client.js';
export {
    ArgumentError, Busy, Closed, Conflict, Corrupt, DeadlineExceeded, ExpressionError, Forbidden, LimitReached, NameUnknown, NotFound, Overflow,
    ProtocolError, RateLimited, ReadOnly, ServerIOError, ServerMemoryError, ShoalError, SyntaxFault, TooLarge, TypeFault, Unauthenticated, Unsupported,
} from './errors.js';
export { Feed, FeedItem } from './answers.js';
