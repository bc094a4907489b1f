//! A look at a source before it is parsed: how deep can its tree become?
//!
//! The parser counts what it nests by brackets alone. Chains, operators and `?:` make its tree
//! deeper, and a tree is built, copied and dropped by recursion, so that a short source could
//! exhaust the stack. The look is an upper bound, and never off by more than a few levels in an
//! expression that people write.

use super::error::{CompileError, Detail, Position};
use crate::domain::error::quoted;

/// Far deeper than a tree may be after lowering, which counts exactly.
const DEPTH_MAX: usize = 200;
/// The brackets that the parser nests.
pub(super) const BRACKETS_MAX: usize = 32;

/// What stands between two commas of one pair of brackets.
#[derive(Default)]
struct Segment {
    /// `?` nests all that follows.
    choices: usize,
    /// Operators since the last `&&` or `||`, which are made into balanced trees, or part of `?:`.
    operators: usize,
    operators_most: usize,
    /// Members, calls and signs of one operand.
    chain: usize,
    chain_most: usize,
    /// The deepest brackets.
    inner: usize,
}

impl Segment {
    fn operator(&mut self) {
        self.operators += 1;
        self.operators_most = self.operators_most.max(self.operators);
        self.chain = 0;
    }

    /// What follows is a tree beside what was before, not above it.
    fn beside(&mut self) {
        self.operators = 0;
        self.chain = 0;
    }

    fn link(&mut self) {
        self.chain += 1;
        self.chain_most = self.chain_most.max(self.chain);
    }

    fn depth(&self) -> usize {
        self.choices + self.operators_most + self.chain_most + self.inner
    }
}

/// An open pair of brackets.
#[derive(Default)]
struct Level {
    segment: Segment,
    deepest: usize,
}

impl Level {
    fn depth(&self) -> usize {
        self.deepest.max(self.segment.depth())
    }
}

/// Refuses a source whose tree could be too deep, and characters that begin no word.
pub(super) fn check(source: &str) -> Result<(), CompileError> {
    let mut levels = Vec::new();
    let mut level = Level::default();
    let mut after_operand = false;
    let mut at = 0;
    while let Some((token, end)) = token(source, at)? {
        let segment = &mut level.segment;
        match token {
            Token::Operand => after_operand = true,
            Token::Open => {
                if after_operand {
                    segment.link();
                }
                if levels.len() >= BRACKETS_MAX {
                    return Err(too_deep());
                }
                levels.push(std::mem::take(&mut level));
                after_operand = false;
            }
            Token::Close => {
                let inner = level.depth() + 1;
                // The parser says what is wrong with a bracket too many.
                level = levels.pop().unwrap_or_default();
                level.segment.inner = level.segment.inner.max(inner);
                after_operand = true;
            }
            Token::Comma => {
                level.deepest = level.depth();
                level.segment = Segment::default();
                after_operand = false;
            }
            Token::Dot => segment.link(),
            Token::Question => {
                segment.choices += 1;
                segment.beside();
                after_operand = false;
            }
            Token::Logic | Token::Colon => {
                segment.beside();
                after_operand = false;
            }
            Token::Operator if after_operand => {
                segment.operator();
                after_operand = false;
            }
            Token::Operator => segment.link(),
        }
        at = end;
    }
    let depth = levels.iter().fold(level.depth(), |depth, level| depth + 1 + level.depth());
    if depth > DEPTH_MAX { Err(too_deep()) } else { Ok(()) }
}

fn too_deep() -> CompileError {
    CompileError::new(Detail::TooLarge, "it is nested too deep")
}

enum Token {
    Operand,
    Open,
    Close,
    Comma,
    Dot,
    Question,
    Colon,
    /// `&&` or `||`.
    Logic,
    Operator,
}

/// The next token and its end. Blanks and comments are passed over.
fn token(source: &str, mut at: usize) -> Result<Option<(Token, usize)>, CompileError> {
    let rest = |at: usize| source.as_bytes().get(at..).unwrap_or_default();
    loop {
        at = match rest(at) {
            [b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, ..] => at + 1,
            [b'/', b'/', line @ ..] => {
                at + 2 + line.iter().position(|&byte| byte == b'\n').unwrap_or(line.len())
            }
            _ => break,
        };
    }
    let (token, bytes) = match rest(at) {
        [] => return Ok(None),
        [b'(' | b'[' | b'{', ..] => (Token::Open, 1),
        [b')' | b']' | b'}', ..] => (Token::Close, 1),
        [b',', ..] => (Token::Comma, 1),
        [b'?', ..] => (Token::Question, 1),
        [b':', ..] => (Token::Colon, 1),
        [b'&', b'&', ..] | [b'|', b'|', ..] => (Token::Logic, 2),
        [b'=' | b'!' | b'<' | b'>', b'=', ..] => (Token::Operator, 2),
        [b'!' | b'<' | b'>' | b'+' | b'-' | b'*' | b'/' | b'%', ..] => (Token::Operator, 1),
        [b'.', b'?', ..] => (Token::Dot, 2),
        [b'.', ..] => (Token::Dot, 1),
        word => match (literal(word), name_bytes(word)) {
            (Some(bytes), _) => (Token::Operand, bytes),
            (None, 0) => return Err(unexpected(source, at)),
            (None, bytes) if word.get(..bytes) == Some(b"in") => (Token::Operator, bytes),
            (None, bytes) => (Token::Operand, bytes),
        },
    };
    Ok(Some((token, at + bytes)))
}

fn unexpected(source: &str, at: usize) -> CompileError {
    let found: String = source.get(at..).unwrap_or_default().chars().take(1).collect();
    let problem = format!("{} is not expected here", quoted(&found));
    let position = Some(Position::at(source, at));
    CompileError { position, ..CompileError::new(Detail::Syntax, problem) }
}

fn name_bytes(word: &[u8]) -> usize {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    word.iter().position(|byte| !is_name(byte)).unwrap_or(word.len())
}

/// The bytes of the text literal that begins here, to the end of the source if it has no end.
fn literal(word: &[u8]) -> Option<usize> {
    let prefix = match word {
        [b'"' | b'\'', ..] => 0,
        [b'r' | b'R' | b'b' | b'B', b'"' | b'\'', ..] => 1,
        [b'r' | b'R', b'b' | b'B', b'"' | b'\'', ..] => 2,
        [b'b' | b'B', b'r' | b'R', b'"' | b'\'', ..] => 2,
        _ => return None,
    };
    let (letters, quoted) = word.split_at(prefix);
    let is_raw = letters.iter().any(|letter| letter.eq_ignore_ascii_case(&b'r'));
    let quote = *quoted.first()?;
    let triple = [quote; 3];
    let end: &[u8] = if quoted.starts_with(&triple) { &triple } else { &[quote] };
    let mut at = end.len();
    while at < quoted.len() {
        match quoted.get(at..).unwrap_or_default() {
            [b'\\', ..] if !is_raw => at += 2,
            rest if rest.starts_with(end) => return Some(prefix + at + end.len()),
            _ => at += 1,
        }
    }
    Some(word.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(source: &str) -> Option<Detail> {
        check(source).err().map(|error| error.detail)
    }

    #[test]
    fn depth_of_every_kind_is_seen() {
        let deep = |n: usize| {
            [
                format!("a{}", ".b".repeat(n)),
                format!("a{}", "[0]".repeat(n)),
                format!("a{}", ".b()".repeat(n)),
                format!("{}a", "!".repeat(n)),
                format!("{}a", "-!".repeat(n)),
                format!("a{}", "+a".repeat(n)),
                format!("a{}", " in a".repeat(n)),
                format!("{}a", "a?a:".repeat(n)),
                format!("{}a", "a?a&&a:".repeat(n)),
                format!("[{}]", "a?a:".repeat(n)),
            ]
        };
        for source in deep(300) {
            assert_eq!(detail(&source), Some(Detail::TooLarge), "{source}");
        }
        for source in deep(60) {
            assert_eq!(detail(&source), None, "{source}");
        }
        assert_eq!(
            detail(&format!("{}1{}", "(".repeat(33), ")".repeat(33))),
            Some(Detail::TooLarge)
        );
        assert_eq!(detail(&"[a.b+".repeat(90)), Some(Detail::TooLarge));
    }

    #[test]
    fn what_is_wide_is_not_deep() {
        assert_eq!(detail(&format!("[{}]", "a.b+c,".repeat(600))), None);
        assert_eq!(detail(&"a.b == 1 && ".repeat(300)), None);
        assert_eq!(detail(&"f(a.b, c) || ".repeat(300)), None);
        assert_eq!(detail(&"a.b.c == 1 + 2 ? 'x' : ".repeat(60)), None);
    }

    #[test]
    fn texts_and_comments_are_passed_over() {
        let dots = ".".repeat(300);
        for source in [
            format!("'{dots}'"),
            format!("\"{dots}\\\"{dots}\""),
            format!("r'{dots}\\' + 1"),
            format!("'''{dots}'{dots}'''"),
            format!("bR\"{dots}\""),
            format!("a // {dots}\n + 1"),
            "'ä' + 'ö'".to_owned(),
        ] {
            assert_eq!(detail(&source), None, "{source}");
        }
        assert_eq!(detail(&format!("rr'a'{dots}")), Some(Detail::TooLarge));
    }

    #[test]
    fn a_strange_character_is_found() {
        let error = check("a ==\n 'ä' + ä").unwrap_err();

        assert_eq!(error.to_string(), "line 2, column 8: \"ä\" is not expected here");
        assert_eq!(detail("a & b"), Some(Detail::Syntax));
        assert_eq!(detail("`a`"), Some(Detail::Syntax));
        assert_eq!(detail("a = b"), Some(Detail::Syntax));
    }
}
