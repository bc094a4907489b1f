//! The characters of a filter, and where they stand.

use super::super::error::{Error, Reason, quoted};

/// A text that is read from left to right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Scan<'a> {
    pub fn new(text: &'a str) -> Scan<'a> {
        Scan { text, rest: text }
    }

    /// The next character.
    pub fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes the next character.
    pub fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    /// Takes these characters, if they are the next ones.
    pub fn take(&mut self, token: &str) -> bool {
        let after = self.rest.strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// Takes characters as long as they are such.
    pub fn take_while(&mut self, such: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !such(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    pub fn skip_blanks(&mut self) {
        self.take_while(char::is_whitespace);
    }

    /// Takes a word, if it is the next one as a whole.
    pub fn take_word(&mut self, word: &str) -> bool {
        let mut ahead = *self;
        let found = ahead.take_while(is_of_word) == word;
        if found {
            *self = ahead;
        }
        found
    }

    /// The place of the next character, from 1.
    pub fn column(&self) -> usize {
        let read = self.text.len() - self.rest.len();
        self.text.char_indices().take_while(|(at, _)| *at < read).count() + 1
    }

    /// What is wrong here.
    pub fn expected(&self, what: &str) -> Error {
        let mut ahead = *self;
        let found = match ahead.take_while(is_of_word) {
            "" => ahead.next().map(String::from),
            word => Some(word.to_owned()),
        };
        let found = found.map_or("the end".into(), |found| quoted(&found));
        wrong(self.column(), format_args!("expected {what}, found {found}"))
    }
}

/// What words are made of, the names of fields and keys among them.
pub(super) fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

/// A filter that is wrong at a place.
pub(super) fn wrong(column: usize, problem: impl std::fmt::Display) -> Error {
    Error::Invalid {
        reason: Reason::FilterInvalid,
        field: "filter".into(),
        problem: format!("column {column}: {problem}"),
    }
}
