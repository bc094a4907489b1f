//! The text of a filter, read into a tree.
//!
//! ```text
//! filter     = [expression]
//! expression = factor {"AND" factor}
//! factor     = term {"OR" term}            OR binds tighter than AND
//! term       = ["NOT" | "-"] simple
//! simple     = "(" expression ")" | path operator value
//! path       = word {"." (word | quoted)}
//! ```
//!
//! Of AIP-160, which this is a subset of, it leaves out what is guessed at: words that stand alone
//! or side by side, and functions.

use super::super::error::{Result, too_large};
use super::super::value::DEPTH_MAX as KEYS_DEPTH_MAX;
use super::scan::{Scan, is_of_word, wrong};

/// A longer filter is no question but a list of names.
pub(super) const BYTES_MAX: usize = 2 * 1024;
/// More conditions make the statement slow to plan.
pub(super) const TERMS_MAX: usize = 50;
/// Deeper parentheses exhaust the stack of whoever reads them.
pub(super) const DEPTH_MAX: usize = 8;

/// A filter as it is written.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Syntax {
    And(Vec<Syntax>),
    Or(Vec<Syntax>),
    Not(Box<Syntax>),
    Term(Term),
}

/// One condition.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Term {
    /// Where it begins, from 1.
    pub column: usize,
    /// The field, and keys inside it.
    pub path: Vec<String>,
    pub operator: Operator,
    pub value: Literal,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Has,
}

impl Operator {
    /// Longer ones first: each is looked for in this order.
    pub const ALL: [(Operator, &'static str); 7] = [
        (Operator::NotEqual, "!="),
        (Operator::LessOrEqual, "<="),
        (Operator::GreaterOrEqual, ">="),
        (Operator::Equal, "="),
        (Operator::Less, "<"),
        (Operator::Greater, ">"),
        (Operator::Has, ":"),
    ];
}

/// A value; what it means depends on the field.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Literal {
    /// Without quotes, escapes and the star.
    pub text: String,
    pub is_quoted: bool,
    /// Whether a star ends it.
    pub has_star: bool,
}

/// Reads a filter; none where it is empty.
pub(super) fn parse(text: &str) -> Result<Option<Syntax>> {
    if text.len() > BYTES_MAX {
        return Err(too_large("filter", format_args!("{BYTES_MAX} bytes")));
    }
    let mut parser = Parser { scan: Scan::new(text), depth: 0, terms: 0 };
    parser.scan.skip_blanks();
    if parser.scan.peek().is_none() {
        return Ok(None);
    }
    let syntax = parser.expression()?;
    match parser.scan.peek() {
        None => Ok(Some(syntax)),
        Some(_) => Err(parser.scan.expected("AND, OR or the end")),
    }
}

struct Parser<'a> {
    scan: Scan<'a>,
    depth: usize,
    terms: usize,
}

impl Parser<'_> {
    fn expression(&mut self) -> Result<Syntax> {
        let mut factors = vec![self.factor()?];
        while self.joined("AND") {
            factors.push(self.factor()?);
        }
        if !matches!(self.scan.peek(), None | Some(')')) {
            let more = "AND, OR or the end (in capitals)";
            return Err(self.scan.expected(more));
        }
        Ok(one_or(factors, Syntax::And))
    }

    fn factor(&mut self) -> Result<Syntax> {
        let mut terms = vec![self.term()?];
        while self.joined("OR") {
            terms.push(self.term()?);
        }
        Ok(one_or(terms, Syntax::Or))
    }

    fn joined(&mut self, word: &str) -> bool {
        self.scan.skip_blanks();
        self.scan.take_word(word)
    }

    fn term(&mut self) -> Result<Syntax> {
        self.scan.skip_blanks();
        match self.scan.take_word("NOT") || self.scan.take("-") {
            true => Ok(Syntax::Not(Box::new(self.simple()?))),
            false => self.simple(),
        }
    }

    fn simple(&mut self) -> Result<Syntax> {
        self.scan.skip_blanks();
        let before = self.scan;
        if !self.scan.take("(") {
            return self.restriction().map(Syntax::Term);
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let problem = format_args!("parentheses are at most {DEPTH_MAX} deep");
            return Err(wrong(before.column(), problem));
        }
        let inner = self.expression()?;
        if !self.scan.take(")") {
            return Err(self.scan.expected("AND, OR or )"));
        }
        self.depth -= 1;
        Ok(inner)
    }

    fn restriction(&mut self) -> Result<Term> {
        let column = self.scan.column();
        self.terms += 1;
        if self.terms > TERMS_MAX {
            return Err(wrong(column, format_args!("a filter has at most {TERMS_MAX} conditions")));
        }
        let path = self.path()?;
        self.scan.skip_blanks();
        let Some((operator, _)) = Operator::ALL.into_iter().find(|(_, text)| self.scan.take(text))
        else {
            let operators = "one of = != < <= > >= : (no words alone, no functions)";
            return Err(self.scan.expected(operators));
        };
        self.scan.skip_blanks();
        Ok(Term { column, path, operator, value: self.value()? })
    }

    fn path(&mut self) -> Result<Vec<String>> {
        let before = self.scan;
        let field = self.scan.take_while(is_of_word);
        if matches!(field, "" | "AND" | "OR" | "NOT") || field.starts_with('-') {
            return Err(before.expected("a field or ("));
        }
        let mut path = vec![field.to_owned()];
        while self.scan.take(".") {
            let before = self.scan;
            let key = match self.scan.peek() {
                Some('"' | '\'') => self.quoted()?,
                Some(_) | None => bare(self.scan.take_while(is_of_word)),
            };
            if key.text.is_empty() && !key.is_quoted || key.has_star {
                return Err(before.expected("a key after the dot, in quotes if it is no word"));
            }
            path.push(key.text);
        }
        if path.len() > KEYS_DEPTH_MAX {
            let problem = format_args!("a path has at most {KEYS_DEPTH_MAX} steps");
            return Err(wrong(before.column(), problem));
        }
        Ok(path)
    }

    fn value(&mut self) -> Result<Literal> {
        if let Some('"' | '\'') = self.scan.peek() {
            return self.quoted();
        }
        let before = self.scan;
        let text = self.scan.take_while(|c| {
            !c.is_whitespace()
                && !matches!(c, '(' | ')' | '"' | '\'' | ',' | '=' | '<' | '>' | '!' | '\0')
        });
        if text.is_empty() {
            return Err(before.expected("a value"));
        }
        let literal = bare(text);
        if literal.text.contains(['*', '\\']) {
            let problem = "a value with * or \\ inside stands in quotes, with \\ before each";
            return Err(wrong(before.column(), problem));
        }
        Ok(literal)
    }

    fn quoted(&mut self) -> Result<Literal> {
        let quote = self.scan.next();
        let mut text = String::new();
        loop {
            let before = self.scan;
            match self.scan.next() {
                c if c == quote => {
                    return Ok(Literal { text, is_quoted: true, has_star: false });
                }
                Some('\\') => text.push(self.escaped()?),
                Some('*') if self.scan.peek() == quote => {
                    self.scan.next();
                    return Ok(Literal { text, is_quoted: true, has_star: true });
                }
                Some('*') => {
                    let problem = "* means any ending, and stands last; write \\* for a star";
                    return Err(wrong(before.column(), problem));
                }
                Some('\0') | None => return Err(before.expected("the closing quote")),
                Some(c) => text.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Result<char> {
        let before = self.scan;
        match self.scan.next() {
            Some(c @ ('\\' | '"' | '\'' | '*')) => Ok(c),
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some(_) | None => Err(before.expected("one of \\ \" ' * n r t after \\")),
        }
    }
}

fn bare(text: &str) -> Literal {
    let before_star = text.strip_suffix('*');
    let text = before_star.unwrap_or(text).to_owned();
    Literal { text, is_quoted: false, has_star: before_star.is_some() }
}

fn one_or(mut parts: Vec<Syntax>, of: impl Fn(Vec<Syntax>) -> Syntax) -> Syntax {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            of(parts)
        }
    }
}
