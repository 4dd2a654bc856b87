// How a call fails: one class for each status of the protocol, all of them ShoalError.
//
//     ShoalError
//       ProtocolError  TooLarge  Unsupported                        1xx  the bytes
//       Unauthenticated  Forbidden                                  2xx  who asks
//       ArgumentError  NotFound  Conflict  Overflow                 3xx  the request
//       ExpressionError: SyntaxFault  TypeFault  NameUnknown        3xx  with the place in the expression
//       Busy (RateLimited)  DeadlineExceeded  LimitReached  Closed  ReadOnly      4xx  it may work later
//       ServerMemoryError  ServerIOError  Corrupt                   5xx  the server
//
// A code that is not known yet is a plain ShoalError.

// The params that hold an expression. When exactly one of them was sent as a text, an error's position is in that text.
const EXPRESSIONS = ['where', 'filter', 'sequence', 'seeds', 'exclude', 'base', 'among', 'first', 'return', 'on'];

export class ShoalError extends Error {
    static code = 0;
    static status = 'unknown';

    constructor(message, { code, status, position = null, hint = null, expression = null, fromServer = false } = {}) {
        super(message);
        this.name = new.target.name;
        this.code = code ?? new.target.code;
        this.status = status ?? new.target.status;
        this.position = position;
        this.hint = hint;
        this.expression = expression;
        this.fromServer = fromServer;
        this.rows = null;
    }

    // The position as an index into the expression: UTF-16 units instead of bytes of UTF-8.
    get column() {
        if (this.position === null || this.expression === null) return null;
        return Buffer.from(this.expression).subarray(0, this.position).toString().replace(/\uFFFD$/, '').length;
    }

    toString() {
        let text = `${this.status}: ${this.message}`;
        const column = this.column;
        if (column !== null) text += `\n  ${this.expression.slice(0, column)}»${this.expression.slice(column)}`;
        else if (this.position !== null) text += ` (at byte ${this.position})`;
        return this.hint ? `${text}\n  hint: ${this.hint}` : text;
    }
}

export class ExpressionError extends ShoalError {}

function kind(code, status, parent = ShoalError) {
    return class extends parent {
        static code = code;
        static status = status;
    };
}

export class ProtocolError extends kind(100, 'protocol') {}
export class TooLarge extends kind(102, 'too_large') {}
export class Unsupported extends kind(103, 'unsupported') {}
// No token, or none that is alive.
export class Unauthenticated extends kind(200, 'unauthenticated') {}
// The token's roles do not open it.
export class Forbidden extends kind(201, 'forbidden') {}
export class ArgumentError extends kind(300, 'argument') {}
export class SyntaxFault extends kind(301, 'syntax', ExpressionError) {}
export class TypeFault extends kind(302, 'type', ExpressionError) {}
export class NameUnknown extends kind(303, 'name', ExpressionError) {}
export class NotFound extends kind(304, 'not_found') {}
export class Conflict extends kind(305, 'conflict') {}
export class Overflow extends kind(306, 'overflow') {}
export class Busy extends kind(400, 'busy') {}
export class DeadlineExceeded extends kind(401, 'deadline') {}
export class LimitReached extends kind(402, 'limit') {}
export class Closed extends kind(403, 'closed') {}
export class ReadOnly extends kind(404, 'read_only') {}
// More requests than the token's limit. A call is made again until its timeout, as when the server is busy.
export class RateLimited extends kind(405, 'rate_limited', Busy) {}
export class ServerMemoryError extends kind(500, 'memory') {}
export class ServerIOError extends kind(501, 'io') {}
export class Corrupt extends kind(502, 'corrupt') {}

const BY_CODE = new Map([
    ProtocolError, TooLarge, Unsupported, Unauthenticated, Forbidden, RateLimited, ArgumentError, SyntaxFault, TypeFault, NameUnknown, NotFound, Conflict, Overflow, Busy,
    DeadlineExceeded, LimitReached, Closed, ReadOnly, ServerMemoryError, ServerIOError, Corrupt,
].map((one) => [one.code, one]));

// The error that an answer carries. params: what was asked, to show the place in its expression.
export function fromMap(error, params = {}) {
    if (error === null || typeof error !== 'object' || Array.isArray(error))
        return new ProtocolError(`an error that is no map: ${error}`, { fromServer: true });
    const texts = EXPRESSIONS.map((name) => params[name]).filter((text) => typeof text === 'string');
    const position = error.position ?? null;
    const Kind = BY_CODE.get(error.code) ?? ShoalError;
    return new Kind(String(error.message ?? ''), {
        code: error.code, status: error.status, position, hint: error.hint ?? null, fromServer: true,
        expression: texts.length === 1 && position !== null ? texts[0] : null,
    });
}
