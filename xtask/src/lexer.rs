//! A small Rust lexer: enough to tell code from comments and text, so that rules never stumble over a word in a sentence.

/// One token with the line it starts on (from 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

/// What a token is. Comments are left out; lifetimes and numbers come as words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Word(String),
    Text(String),
    Mark(char),
}

impl Token {
    /// True for the identifier `word`.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(found) if found == word)
    }

    /// True for the punctuation `mark`.
    pub(crate) fn is_mark(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// The tokens of `source`. Broken source gives broken tokens, never a panic.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { chars: source.chars().collect(), at: 0, line: 1, out: Vec::new() };
    while lexer.at < lexer.chars.len() {
        lexer.step();
    }
    lexer.out
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    out: Vec<Token>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn bump(&mut self) -> char {
        let found = self.peek(0);
        self.at += 1;
        if found == '\n' {
            self.line += 1;
        }
        found
    }

    fn step(&mut self) {
        match self.peek(0) {
            '/' if self.peek(1) == '/' => self.line_comment(),
            '/' if self.peek(1) == '*' => self.block_comment(),
            '"' => {
                let line = self.line;
                self.bump();
                self.quoted(line);
            }
            '\'' => self.char_or_lifetime(),
            first if first.is_alphanumeric() || first == '_' => self.word(),
            blank if blank.is_whitespace() => {
                self.bump();
            }
            mark => {
                let line = self.line;
                self.bump();
                self.out.push(Token { kind: Kind::Mark(mark), line });
            }
        }
    }

    fn line_comment(&mut self) {
        while self.at < self.chars.len() && self.peek(0) != '\n' {
            self.bump();
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.chars.len() {
            if self.peek(0) == '/' && self.peek(1) == '*' {
                depth += 1;
                self.at += 2;
            } else if self.peek(0) == '*' && self.peek(1) == '/' {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return;
                }
            } else {
                self.bump();
            }
        }
    }

    /// The rest of a `"..."` text, after its opening quote.
    fn quoted(&mut self, line: usize) {
        let mut text = String::new();
        while self.at < self.chars.len() {
            match self.bump() {
                '"' => break,
                '\\' => self.escape(&mut text),
                other => text.push(other),
            }
        }
        self.out.push(Token { kind: Kind::Text(text), line });
    }

    /// An escape is kept as a blank, except a quote or backslash; a line continuation eats the indent.
    fn escape(&mut self, text: &mut String) {
        match self.bump() {
            '\n' => {
                while self.peek(0).is_whitespace() && self.at < self.chars.len() {
                    self.bump();
                }
            }
            quote @ ('"' | '\\' | '\'') => text.push(quote),
            _ => text.push(' '),
        }
    }

    /// The rest of a raw text, at its first `#` or quote.
    fn raw(&mut self, line: usize) {
        let mut hashes = 0;
        while self.peek(0) == '#' {
            self.bump();
            hashes += 1;
        }
        self.bump();
        let mut text = String::new();
        while self.at < self.chars.len() {
            let found = self.bump();
            if found == '"' && (0..hashes).all(|ahead| self.peek(ahead) == '#') {
                self.at += hashes;
                break;
            }
            text.push(found);
        }
        self.out.push(Token { kind: Kind::Text(text), line });
    }

    fn char_or_lifetime(&mut self) {
        let is_char = self.peek(1) == '\\' || self.peek(2) == '\'';
        self.bump();
        if !is_char {
            return;
        }
        if self.bump() == '\\' {
            self.bump();
        }
        while self.at < self.chars.len() && self.bump() != '\'' {}
    }

    fn word(&mut self) {
        let line = self.line;
        let mut word = String::new();
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            word.push(self.bump());
        }
        let raw_text = self.peek(0) == '#' && matches!(self.peek(1), '"' | '#');
        match (word.as_str(), self.peek(0)) {
            ("r" | "br" | "cr", '"') => self.raw(line),
            ("r" | "br" | "cr", '#') if raw_text => self.raw(line),
            ("b" | "c", '"') => {
                self.bump();
                self.quoted(line);
            }
            _ => self.out.push(Token { kind: Kind::Word(word), line }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str) -> Vec<String> {
        tokens(source)
            .into_iter()
            .map(|token| match token.kind {
                Kind::Word(word) => format!("{}:{word}", token.line),
                Kind::Text(text) => format!("{}:<{text}>", token.line),
                Kind::Mark(mark) => format!("{}:{mark}", token.line),
            })
            .collect()
    }

    #[test]
    fn comments_vanish_and_texts_stay_whole() {
        let source = "// SELECT 1\nlet a = \"x // y\"; /* b /* c */ d */ e";
        assert_eq!(shown(source), ["2:let", "2:a", "2:=", "2:<x // y>", "2:;", "2:e"]);
    }

    #[test]
    fn raw_texts_and_escapes() {
        assert_eq!(shown("r#\"a \"b\" c\"# b\"z\\\"q\" r\"\\d\""), ["1:<a \"b\" c>", "1:<z\"q>", "1:<\\d>"]);
        assert_eq!(shown("\"one \\\n      two\" x"), ["1:<one two>", "2:x"]);
    }

    #[test]
    fn chars_and_lifetimes_do_not_open_texts() {
        assert_eq!(shown("'\"' '\\'' &'a str '\\u{1F600}' z"), ["1:&", "1:a", "1:str", "1:z"]);
    }

    #[test]
    fn broken_source_ends() {
        for broken in ["\"open", "/* open", "r#\"open", "'", "'\\", "b\""] {
            let _ = tokens(broken);
        }
    }
}
