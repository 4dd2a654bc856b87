/* query_lexer.h -- an expression's text as tokens; private to engine/query.
 *
 *   tier >= 'gold'  -->  WORD tier | COMPARE >= | STRING gold | END
 *
 * The lexer holds one token, the one the parser looks at. It knows no keywords: those are WORDs that the parser
 * compares. Texts of tokens point into the expression or into the arena; the expression must be UTF-8.
 */
#ifndef SH_QUERY_LEXER_H
#define SH_QUERY_LEXER_H

#include "arena.h"
#include "query_tree.h"

enum sh_token_kind {
    SH_TOKEN_END,
    SH_TOKEN_WORD,   /* a bare name or a keyword */
    SH_TOKEN_NAME,   /* in backticks: never a keyword */
    SH_TOKEN_STRING, /* in quotes */
    SH_TOKEN_NUMBER, /* text is normalized: see sh_number_normalize */
    SH_TOKEN_COMPARE,
    SH_TOKEN_OPEN,
    SH_TOKEN_CLOSE,
    SH_TOKEN_COMMA,
    SH_TOKEN_DOT,
    SH_TOKEN_PERCENT,
    SH_TOKEN_ARROW,
    SH_TOKEN_PLUS,
    SH_TOKEN_MINUS,
    SH_TOKEN_STAR,
    SH_TOKEN_SLASH
};

struct sh_token {
    enum sh_token_kind kind;
    enum sh_compare compare; /* COMPARE */
    struct sh_text text;     /* WORD, NAME, STRING: unescaped; NUMBER */
    uint32_t position;       /* first byte */
    uint32_t end;            /* first byte behind it */
    bool has_sign;           /* NUMBER: with + or - before its digits: `points -5` */
    bool after_string;       /* follows a STRING with no blank between: perhaps a quote that was not doubled */
};

struct sh_lexer {
    struct sh_text text;
    struct sh_arena *arena;
    struct sh_error *err;
    struct sh_token token;
};

/* Stands before the first token: sh_lexer_next makes it the current one. */
void sh_lexer_init(struct sh_lexer *lexer, struct sh_text text, struct sh_arena *arena, struct sh_error *err);
/* Read the next token. SH_ERR_SYNTAX, SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_lexer_next(struct sh_lexer *lexer);
/* Is the current token this keyword? */
bool sh_token_is(const struct sh_token *token, const char *keyword);

enum { SH_TOKEN_WORDS_BYTES = 96 };
/* "the word `gold`", "the text 'gold'", "`)`", "the end of the expression": for messages. Returns words. */
const char *sh_token_describe(const struct sh_token *token, char words[SH_TOKEN_WORDS_BYTES]);

/* Would the text, printed bare, be read back as this name: word characters only, no digit first, not a reserved word?
 */
bool sh_name_is_bare(struct sh_text name);
/* `and`, `or`, `not` ...: words that are never a name unless in backticks. */
bool sh_word_is_reserved(struct sh_text word);

#endif
