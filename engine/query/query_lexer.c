#include "query_lexer.h"

#include <stdio.h>

#include "bounds.h"
#include "query_number.h"

/* One character: what was typed, what it means, how many bytes it has. */
struct glyph {
    uint32_t code;    /* 0 at the end */
    uint32_t meaning; /* the ASCII sign that a full-width sign stands for, else code */
    uint32_t byte_count;
};

/* Signs that input methods and word processors put for ASCII ones. Letters keep themselves: they are names. */
static uint32_t meaning_of(uint32_t code) {
    if (code < 0x80) return code;
    if (code >= 0xFF01 && code <= 0xFF5E) {
        const uint32_t ascii = code - 0xFEE0;
        const uint32_t lower = ascii | 0x20;
        return lower >= 'a' && lower <= 'z' ? code : ascii;
    }
    switch (code) {
    case 0x00A0: /* no-break space */
    case 0x202F: /* narrow no-break space */
    case 0x3000: /* ideographic space */
    case 0xFEFF: /* byte order mark */
        return ' ';
    case 0x2212: /* minus sign */
        return '-';
    case 0x3001: /* ideographic comma, between the values of a list */
        return ',';
    default:
        return code >= 0x2000 && code <= 0x200A ? ' ' : code;
    }
}

static struct glyph glyph_at(struct sh_text text, uint32_t at) {
    if (at >= text.count) return (struct glyph){0, 0, 0};
    const uint8_t *bytes = (const uint8_t *)text.bytes + at;
    uint32_t code = bytes[0];
    uint32_t byte_count = 1;
    if (code >= 0xF0) {
        code = (code & 7u) << 18 | (bytes[1] & 63u) << 12 | (bytes[2] & 63u) << 6 | (bytes[3] & 63u);
        byte_count = 4;
    } else if (code >= 0xE0) {
        code = (code & 15u) << 12 | (bytes[1] & 63u) << 6 | (bytes[2] & 63u);
        byte_count = 3;
    } else if (code >= 0xC0) {
        code = (code & 31u) << 6 | (bytes[1] & 63u);
        byte_count = 2;
    }
    return (struct glyph){code, meaning_of(code), byte_count};
}

static bool is_digit(uint32_t meaning) {
    return meaning >= '0' && meaning <= '9';
}

/* May stand in a bare name. Above ASCII: everything but signs, blanks and controls, so that names need no backticks in
 * any script, and a sign that was meant as punctuation never becomes part of one unseen. */
static bool is_word(uint32_t code) {
    if (code < 0x80) {
        const uint32_t lower = code | 0x20;
        return (lower >= 'a' && lower <= 'z') || (code >= '0' && code <= '9') || code == '_';
    }
    if (code <= 0xA0 || meaning_of(code) == ' ') return false;
    if (code >= 0x2000 && code <= 0x206F) return false; /* general punctuation: quotes, dashes, joiners */
    if (code >= 0x2190 && code <= 0x22FF) return false; /* arrows and mathematical signs */
    if (code >= 0x3000 && code <= 0x301F && code != 0x3005 && code != 0x3007) return false; /* CJK signs and brackets */
    if (code >= 0xFF00 && code <= 0xFF5E) return is_word(code - 0xFEE0);                    /* full-width ASCII */
    if (code >= 0xFF5F && code <= 0xFF65) return false;
    return code < 0xFFF0 || code > 0xFFFF;
}

/* Quotes of one class open and close each other; 0 for any other character. */
static int quote_class(uint32_t code) {
    switch (code) {
    case '\'':
        return 1;
    case '"':
        return 2;
    case 0x2018:
    case 0x2019:
        return 3;
    case 0x201C:
    case 0x201D:
        return 4;
    case 0xFF07:
        return 5;
    case 0xFF02:
        return 6;
    default:
        return 0;
    }
}

/* ---- Names ---- */

static const char *const reserved_words[] = {"and",    "or",       "not",   "in",   "between", "is",  "has",
                                             "starts", "contains", "where", "true", "false",   "item"};

bool sh_word_is_reserved(struct sh_text word) {
    for (size_t i = 0; i < sizeof reserved_words / sizeof reserved_words[0]; i++)
        if (sh_text_equal_keyword(word, reserved_words[i])) return true;
    return false;
}

bool sh_name_is_bare(struct sh_text name) {
    if (name.count == 0 || sh_word_is_reserved(name)) return false;
    for (uint32_t at = 0; at < name.count;) {
        const struct glyph glyph = glyph_at(name, at);
        if (!is_word(glyph.code) || (at == 0 && is_digit(glyph.meaning))) return false;
        at += glyph.byte_count;
    }
    return true;
}

bool sh_token_is(const struct sh_token *token, const char *keyword) {
    return token->kind == SH_TOKEN_WORD && sh_text_equal_keyword(token->text, keyword);
}

const char *sh_token_describe(const struct sh_token *token, char words[SH_TOKEN_WORDS_BYTES]) {
    static const char *const compares[] = {"=", "!=", "<", "<=", ">", ">="};
    enum { SHOWN_BYTES_MAX = 48 };
    struct sh_text shown = token->text;
    const char *dots = "";
    if (shown.count > SHOWN_BYTES_MAX) {
        shown.count = SHOWN_BYTES_MAX;
        while (shown.count > 0 && ((uint8_t)shown.bytes[shown.count] & 0xC0) == 0x80)
            shown.count--;
        dots = "...";
    }
    const char *format = NULL;
    switch (token->kind) {
    case SH_TOKEN_END:
        return "the end of the expression";
    case SH_TOKEN_OPEN:
        return "`(`";
    case SH_TOKEN_CLOSE:
        return "`)`";
    case SH_TOKEN_COMMA:
        return "`,`";
    case SH_TOKEN_DOT:
        return "`.`";
    case SH_TOKEN_PERCENT:
        return "`%`";
    case SH_TOKEN_ARROW:
        return "`->`";
    case SH_TOKEN_PLUS:
        return "`+`";
    case SH_TOKEN_MINUS:
        return "`-`";
    case SH_TOKEN_STAR:
        return "`*`";
    case SH_TOKEN_SLASH:
        return "`/`";
    case SH_TOKEN_COMPARE:
        (void)snprintf(words, SH_TOKEN_WORDS_BYTES, "`%s`", compares[token->compare]);
        return words;
    case SH_TOKEN_WORD:
        format = "the word `%.*s%s`";
        break;
    case SH_TOKEN_NAME:
        format = "the name `%.*s%s`";
        break;
    case SH_TOKEN_STRING:
        format = "the text '%.*s%s'";
        break;
    case SH_TOKEN_NUMBER:
        format = "the number %.*s%s";
        break;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(words, SH_TOKEN_WORDS_BYTES, format, SH_TEXT_ARGS(shown), dots);
#pragma GCC diagnostic pop
    return words;
}

/* ---- Tokens ---- */

static enum sh_status fail_memory(struct sh_lexer *lexer) {
    return sh_fail(lexer->err, SH_ERR_LIMIT, -1, "the expression does not fit the memory of one request");
}

static enum sh_status take(struct sh_lexer *lexer, enum sh_token_kind kind, uint32_t end) {
    lexer->token.kind = kind;
    lexer->token.end = end;
    return SH_OK;
}

static enum sh_status take_compare(struct sh_lexer *lexer, enum sh_compare compare, uint32_t end) {
    lexer->token.compare = compare;
    return take(lexer, SH_TOKEN_COMPARE, end);
}

static bool closes(struct glyph glyph, int class) {
    return class == 0 ? glyph.meaning == '`' : quote_class(glyph.code) == class;
}

static enum sh_status fail_unclosed(struct sh_lexer *lexer, uint32_t begin, int class) {
    const struct sh_text text = lexer->text;
    const int64_t position = lexer->token.position;
    if (class == 0) return sh_fail(lexer->err, SH_ERR_SYNTAX, position, "the name that begins here has no closing `");
    enum sh_status status =
        sh_fail(lexer->err, SH_ERR_SYNTAX, position, "the text that begins here has no closing quote");
    for (uint32_t at = begin; at < text.count; at += glyph_at(text, at).byte_count) {
        const int other = quote_class(glyph_at(text, at).code);
        if (other != 0 && other != class)
            return sh_fail_hint(lexer->err, status,
                                "the quote at byte %u is of another kind and does not close it: use ' at both ends",
                                at);
    }
    return sh_fail_hint(lexer->err, status, "end it with %s; a quote inside a text is written twice",
                        class == 2 ? "\"" : "'");
}

/* Between quotes or backticks (class 0); a closer twice stands for one. Copies only if there was such a pair. */
static enum sh_status take_quoted(struct sh_lexer *lexer, enum sh_token_kind kind, uint32_t begin, int class) {
    const struct sh_text text = lexer->text;
    uint32_t doubled_count = 0;
    uint32_t end = begin;
    struct glyph glyph;
    for (;; end += glyph.byte_count) {
        glyph = glyph_at(text, end);
        if (glyph.code == 0) return fail_unclosed(lexer, begin, class);
        if (!closes(glyph, class)) continue;
        if (glyph_at(text, end + glyph.byte_count).code != glyph.code) break;
        end += glyph.byte_count;
        doubled_count++;
    }
    lexer->token.text = (struct sh_text){text.bytes + begin, end - begin};
    if (doubled_count == 0) return take(lexer, kind, end + glyph.byte_count);
    char *copy = sh_arena_alloc(lexer->arena, end - begin);
    if (copy == NULL) return fail_memory(lexer);
    uint32_t count = 0;
    for (uint32_t at = begin; at < end;) {
        const struct glyph copied = glyph_at(text, at);
        memcpy(copy + count, text.bytes + at, copied.byte_count);
        count += copied.byte_count;
        at += copied.byte_count * (closes(copied, class) ? 2 : 1);
    }
    lexer->token.text = (struct sh_text){copy, count};
    return take(lexer, kind, end + glyph.byte_count);
}

static enum sh_status take_number(struct sh_lexer *lexer, uint32_t at) {
    const struct sh_text text = lexer->text;
    bool has_point = false;
    struct glyph glyph = glyph_at(text, at);
    lexer->token.has_sign = !is_digit(glyph.meaning);
    uint32_t end = at + glyph.byte_count; /* behind the sign or the first digit */
    for (; (glyph = glyph_at(text, end)).code != 0; end += glyph.byte_count) {
        if (is_digit(glyph.meaning)) continue;
        if (glyph.meaning != '.' || has_point || !is_digit(glyph_at(text, end + glyph.byte_count).meaning)) break;
        has_point = true;
    }
    /* In ASCII: full-width digits shrink. */
    char *digits = sh_arena_alloc(lexer->arena, end - at);
    if (digits == NULL) return fail_memory(lexer);
    uint32_t count = 0;
    for (uint32_t from = at; from < end; from += glyph_at(text, from).byte_count)
        digits[count++] = (char)glyph_at(text, from).meaning;
    if (glyph.code != 0 && is_word(glyph.code)) {
        const enum sh_status status =
            sh_fail(lexer->err, SH_ERR_SYNTAX, lexer->token.position, "a number runs into letters here");
        return sh_fail_hint(lexer->err, status,
                            "put a blank between them; a name that starts with a digit stands in backticks");
    }
    if (glyph.meaning == '.') {
        const enum sh_status status =
            sh_fail(lexer->err, SH_ERR_SYNTAX, end, "digits are expected after the point of a number");
        return sh_fail_hint(lexer->err, status, "write %.*s or %.*s.0", (int)count, digits, (int)count, digits);
    }
    lexer->token.text = sh_number_normalize((struct sh_text){digits, count}, lexer->arena);
    if (lexer->token.text.bytes == NULL) return fail_memory(lexer);
    return take(lexer, SH_TOKEN_NUMBER, end);
}

static enum sh_status take_word(struct sh_lexer *lexer, uint32_t begin) {
    uint32_t at = begin;
    for (struct glyph glyph; (glyph = glyph_at(lexer->text, at)).code != 0 && is_word(glyph.code);)
        at += glyph.byte_count;
    lexer->token.text = (struct sh_text){lexer->text.bytes + begin, at - begin};
    return take(lexer, SH_TOKEN_WORD, at);
}

static enum sh_status check_name(struct sh_lexer *lexer) {
    const uint32_t count = lexer->token.text.count;
    if (count > 0 && count <= SH_NAME_BYTES_MAX) return SH_OK;
    return sh_fail(lexer->err, SH_ERR_SYNTAX, lexer->token.position, "a name has 1 to %d bytes, this one has %u",
                   SH_NAME_BYTES_MAX, count);
}

/* Signs of other languages, and what they are called here. */
static enum sh_status fail_sign(struct sh_lexer *lexer, uint32_t at) {
    static const struct {
        const char *sign;
        const char *hint;
    } slips[] = {
        {"=>", "write >="},
        {"=<", "write <="},
        {"&&", "write and"},
        {"&", "write and"},
        {"||", "write or"},
        {"|", "write or"},
        {"!", "write not, or != to compare"},
        {"~", "write contains or starts with"},
        {"[", "a list stands in parentheses: ('a', 'b')"},
        {"]", "a list stands in parentheses: ('a', 'b')"},
        {"{", "conditions are grouped with parentheses"},
        {"}", "conditions are grouped with parentheses"},
        {"#", "a comment begins with --"},
        {"//", "a comment begins with --"},
        {"/*", "a comment begins with -- and ends with the line"},
        {";", "an expression is one condition: join with and, or"},
        {":", "compare with =; a name with : in it stands in backticks"},
        {"@", "a name with @ in it stands in backticks"},
        {"$", "a name with $ in it stands in backticks"},
    };
    const struct sh_text rest = {lexer->text.bytes + at, lexer->text.count - at};
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
        const struct sh_text sign = sh_text_of(slips[i].sign);
        if (rest.count < sign.count || memcmp(rest.bytes, sign.bytes, sign.count) != 0) continue;
        const enum sh_status status =
            sh_fail(lexer->err, SH_ERR_SYNTAX, at, "`%s` is not part of the language", slips[i].sign);
        return sh_fail_hint(lexer->err, status, "%s", slips[i].hint);
    }
    const struct glyph glyph = glyph_at(lexer->text, at);
    if (glyph.code < 0x20 || glyph.code == 0x7F || (glyph.code >= 0x80 && glyph.code < 0xA0))
        return sh_fail(lexer->err, SH_ERR_SYNTAX, at, "a control character (0x%02x) is not part of the language",
                       glyph.code);
    const enum sh_status status = sh_fail(lexer->err, SH_ERR_SYNTAX, at, "`%.*s` is not part of the language",
                                          (int)glyph.byte_count, lexer->text.bytes + at);
    return sh_fail_hint(lexer->err, status, "in a value it stands in quotes, in a name in backticks");
}

static enum sh_status take_sign(struct sh_lexer *lexer, uint32_t at) {
    const struct glyph glyph = glyph_at(lexer->text, at);
    const uint32_t behind = at + glyph.byte_count;
    const struct glyph next = glyph_at(lexer->text, behind);
    const uint32_t both = behind + next.byte_count;
    switch (glyph.meaning) {
    case '(':
        return take(lexer, SH_TOKEN_OPEN, behind);
    case ')':
        return take(lexer, SH_TOKEN_CLOSE, behind);
    case ',':
        return take(lexer, SH_TOKEN_COMMA, behind);
    case '.':
        return take(lexer, SH_TOKEN_DOT, behind);
    case '%':
        return take(lexer, SH_TOKEN_PERCENT, behind);
    case '+':
        return take(lexer, SH_TOKEN_PLUS, behind);
    case '*':
        return take(lexer, SH_TOKEN_STAR, behind);
    case '/':
        if (next.meaning == '/' || next.meaning == '*') break;
        return take(lexer, SH_TOKEN_SLASH, behind);
    case '=':
        if (next.meaning == '>' || next.meaning == '<') break;
        return take_compare(lexer, SH_COMPARE_EQ, next.meaning == '=' ? both : behind);
    case '!':
        if (next.meaning != '=') break;
        return take_compare(lexer, SH_COMPARE_NE, both);
    case '<':
        if (next.meaning == '>') return take_compare(lexer, SH_COMPARE_NE, both);
        if (next.meaning == '=') return take_compare(lexer, SH_COMPARE_LE, both);
        return take_compare(lexer, SH_COMPARE_LT, behind);
    case '>':
        if (next.meaning == '=') return take_compare(lexer, SH_COMPARE_GE, both);
        return take_compare(lexer, SH_COMPARE_GT, behind);
    case '-':
        if (next.meaning == '>') return take(lexer, SH_TOKEN_ARROW, both);
        return take(lexer, SH_TOKEN_MINUS, behind);
    case 0x2192: /* a right arrow */
        return take(lexer, SH_TOKEN_ARROW, behind);
    case 0x2260:
        return take_compare(lexer, SH_COMPARE_NE, behind);
    case 0x2264:
    case 0x2266:
        return take_compare(lexer, SH_COMPARE_LE, behind);
    case 0x2265:
    case 0x2267:
        return take_compare(lexer, SH_COMPARE_GE, behind);
    default:
        break;
    }
    return fail_sign(lexer, at);
}

/* Blanks and comments. */
static uint32_t pass_blanks(struct sh_text text, uint32_t at) {
    for (;;) {
        const struct glyph glyph = glyph_at(text, at);
        if (glyph.meaning == ' ' || glyph.code == '\t' || glyph.code == '\n' || glyph.code == '\r') {
            at += glyph.byte_count;
        } else if (glyph.code == '-' && glyph_at(text, at + 1).code == '-') {
            while (at < text.count && text.bytes[at] != '\n')
                at++;
        } else {
            return at;
        }
    }
}

void sh_lexer_init(struct sh_lexer *lexer, struct sh_text text, struct sh_arena *arena, struct sh_error *err) {
    *lexer = (struct sh_lexer){.text = text, .arena = arena, .err = err};
}

enum sh_status sh_lexer_next(struct sh_lexer *lexer) {
    const uint32_t at = pass_blanks(lexer->text, lexer->token.end);
    const bool after_string = lexer->token.kind == SH_TOKEN_STRING && at == lexer->token.end;
    lexer->token = (struct sh_token){.position = at, .end = at, .after_string = after_string};
    const struct glyph glyph = glyph_at(lexer->text, at);
    if (glyph.code == 0) return SH_OK;
    const uint32_t behind = at + glyph.byte_count;
    const int class = quote_class(glyph.code);
    if (class != 0) return take_quoted(lexer, SH_TOKEN_STRING, behind, class);
    if (glyph.meaning == '`') {
        const enum sh_status status = take_quoted(lexer, SH_TOKEN_NAME, behind, 0);
        return status != SH_OK ? status : check_name(lexer);
    }
    const bool sign = glyph.meaning == '-' || glyph.meaning == '+';
    if (is_digit(glyph.meaning) || (sign && is_digit(glyph_at(lexer->text, behind).meaning)))
        return take_number(lexer, at);
    if (is_word(glyph.code)) {
        const enum sh_status status = take_word(lexer, at);
        return status != SH_OK ? status : check_name(lexer);
    }
    return take_sign(lexer, at);
}
