//! Reads the repository for the checks: its files, and what in a text is code, string or comment.
//!
//! It reads as much of Rust and SQL as the checks need and knows none of the rules.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every text file that git tracks or would, by its path; without git, all but what is built.
pub fn files() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard"])
        .current_dir(root)
        .output();
    let paths: Vec<String> = match listed {
        Ok(listed) if listed.status.success() && !listed.stdout.is_empty() => {
            String::from_utf8_lossy(&listed.stdout).lines().map(str::to_owned).collect()
        }
        _ => walk(root, root),
    };
    let read = |path: String| Some((path.clone(), std::fs::read_to_string(root.join(path)).ok()?));
    paths.into_iter().filter_map(read).collect()
}

fn walk(root: &Path, folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    let built = |path: &Path| path.ends_with("target") || path.ends_with(".git");
    let named = |path: &Path| path.strip_prefix(root).ok()?.to_str().map(str::to_owned);
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    let deeper = folders.iter().filter(|path| !built(path)).flat_map(|path| walk(root, path));
    files.iter().filter_map(|path| named(path)).chain(deeper).collect()
}

/// The Rust files whose paths begin with one of `under`.
pub fn rust<'a>(
    files: &'a BTreeMap<String, String>,
    under: &[&str],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let found = files.iter().filter(move |(path, _)| {
        path.ends_with(".rs") && under.iter().any(|start| path.starts_with(start))
    });
    found.map(|(path, text)| (path.as_str(), text.as_str()))
}

/// The room that a file belongs to: `domain` for `src/domain/issue.rs` and for `src/domain.rs`.
pub fn room(path: &str) -> &str {
    let path = path.strip_prefix("src/").unwrap_or(path);
    path.split('/').next().and_then(|first| first.split('.').next()).unwrap_or(path)
}

/// A Rust text taken apart. Each part has all its lines; what belongs to the other is blank.
pub struct Layers {
    /// Without comments, strings and characters.
    pub code: String,
    /// The strings and characters alone.
    pub quoted: String,
}

/// Takes a Rust text apart; raw strings, nested comments and lifetimes are told from each other.
pub fn layers(text: &str) -> Layers {
    let chars: Vec<char> = text.chars().collect();
    let mut layers = Layers { code: String::new(), quoted: String::new() };
    let mut at = 0;
    while at < chars.len() {
        let before = at.checked_sub(1).map(|before| chars[before]);
        let (kind, length) = token(&chars[at..], before);
        let end = chars.len().min(at + length);
        for char in &chars[at..end] {
            let blank = if *char == '\n' { '\n' } else { ' ' };
            layers.code.push(if kind == Kind::Code { *char } else { blank });
            layers.quoted.push(if kind == Kind::Quoted { *char } else { blank });
        }
        at = end;
    }
    layers
}

#[derive(PartialEq, Clone, Copy)]
enum Kind {
    Code,
    Quoted,
    Comment,
}

/// What `rest` begins with, and how many characters of it.
fn token(rest: &[char], before: Option<char>) -> (Kind, usize) {
    let until = |found: Option<usize>| found.unwrap_or(rest.len());
    match rest {
        ['/', '/', ..] => (Kind::Comment, until(rest.iter().position(|c| *c == '\n'))),
        ['/', '*', ..] => (Kind::Comment, block_comment(rest)),
        ['"', ..] => (Kind::Quoted, string(rest)),
        ['r', '"' | '#', ..] if !before.is_some_and(|c| is_word(c) && c != 'b' && c != 'c') => {
            let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
            if rest.get(1 + hashes) != Some(&'"') {
                return (Kind::Code, 1);
            }
            let end = format!("\"{}", "#".repeat(hashes)).chars().collect::<Vec<_>>();
            let body = &rest[2 + hashes..];
            let length = body.windows(end.len()).position(|window| window == end);
            (Kind::Quoted, until(length.map(|length| 2 + hashes + length + end.len())))
        }
        ['\'', '\\', ..] => {
            let end = rest.iter().skip(3).position(|c| *c == '\'');
            (Kind::Quoted, until(end.map(|end| end + 4)))
        }
        ['\'', _, '\'', ..] => (Kind::Quoted, 3),
        _ => (Kind::Code, 1),
    }
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] if depth == 1 => return at + 2,
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// SQL without its comments and without what is in quotes; bodies of functions are code.
pub fn sql_code(text: &str) -> String {
    let (mut code, mut quote, mut comment) = (String::new(), None, false);
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        comment &= char != '\n';
        match (char, quote) {
            ('-', None) if !comment && chars.peek() == Some(&'-') => comment = true,
            ('\'' | '"', None) if !comment => quote = Some(char),
            (_, Some(end)) if char == end => quote = None,
            (_, None) if !comment => {
                code.push(char);
                continue;
            }
            _ => (),
        }
        code.push(if char == '\n' { '\n' } else { ' ' });
    }
    code
}

/// The first names after `crate::`, one for each of `crate::{a::b, c}`, and where they stand.
pub fn crate_paths(code: &str) -> Vec<(usize, &str)> {
    let mut paths = Vec::new();
    for at in find(code, "crate::") {
        let start = at + "crate::".len();
        let mut depth = 0;
        let mut expects_name = true;
        for (offset, char) in code[start..].char_indices() {
            let name = &code[start + offset..];
            match char {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => expects_name = true,
                _ if char.is_whitespace() => continue,
                _ if expects_name => {
                    let end = name.find(|c| !is_word(c)).unwrap_or(name.len());
                    paths.push((start + offset, &name[..end.max(char.len_utf8())]));
                    expects_name = false;
                }
                _ => (),
            }
            if depth == 0 {
                break;
            }
        }
    }
    paths
}

/// Where `needle` stands as words of its own: `rand` is not found in `operand` or `rand_core`.
pub fn find(text: &str, needle: &str) -> Vec<usize> {
    let starts = text.match_indices(needle).map(|(at, _)| at);
    let (first, last) = (needle.starts_with(is_word), needle.ends_with(is_word));
    let whole = |at: &usize| {
        let (before, after) = (&text[..*at], &text[at + needle.len()..]);
        (!first || !before.ends_with(is_word)) && (!last || !after.starts_with(is_word))
    };
    starts.filter(whole).collect()
}

pub fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Whether a path may begin here: not in the middle of a word, of a path or of a call.
pub fn starts_path(code: &str, at: usize) -> bool {
    let before = code[..at].trim_end_matches("r#");
    let leading = before.ends_with("::") && !before.trim_end_matches("::").ends_with(is_word);
    !before.ends_with(|c| is_word(c) || c == '.' || c == ':') || leading
}

/// Whether this is the first name of a `use`, as in `use name;` or `use name as other;`.
pub fn in_use(code: &str, at: usize) -> bool {
    let before = code[..at].trim_end().trim_end_matches("::").trim_end();
    before.ends_with("use") || before.ends_with("extern crate")
}

/// A complaint about the place `at` in `text`.
pub fn at_line(path: &str, text: &str, at: usize, problem: &str) -> String {
    format!("{path}:{}: {problem}", text[..at].matches('\n').count() + 1)
}

/// A complaint for each place where one of `words` stands.
pub fn banned(path: &str, text: &str, words: &[&str], remedy: &str) -> Vec<String> {
    let complain = |word: &&str| {
        let problem = format!("`{word}`: {remedy}");
        let found = find(text, word);
        found.into_iter().map(move |at| at_line(path, text, at, &problem)).collect::<Vec<_>>()
    };
    words.iter().flat_map(complain).collect()
}

/// The comment right above line `number`, counted from 0: each line's number, and it without `//`.
pub fn comment_above<'a>(lines: &[&'a str], number: usize) -> Vec<(usize, &'a str)> {
    let above = lines[..number].iter().enumerate().rev();
    let comment = above.map_while(|(number, line)| Some((number, line.strip_prefix("//")?)));
    let mut comment: Vec<_> = comment.collect();
    comment.reverse();
    comment
}

/// How many lines the inline test modules take.
pub fn inline_tests(text: &str) -> usize {
    test_modules(text).iter().map(ExactSizeIterator::len).sum()
}

/// Whether the place `at` in a text is part of a test: in a file of tests or in a module of them.
pub fn in_tests(path: &str, text: &str, at: usize) -> bool {
    let line = text[..at].matches('\n').count();
    let file = !path.starts_with("src/") || path.ends_with("/tests.rs");
    file || path.contains("/tests/") || test_modules(text).iter().any(|lines| lines.contains(&line))
}

/// The lines, counted from 0, of each inline module that only tests have.
fn test_modules(text: &str) -> Vec<Range<usize>> {
    let code = layers(text).code;
    let lines: Vec<&str> = code.lines().map(str::trim_end).collect();
    let (mut modules, mut at) = (Vec::<Range<usize>>::new(), 0);
    while at < lines.len() {
        let end = lines[at..].iter().position(|line| *line == "}").map_or(lines.len(), |n| at + n);
        let head = lines[at..end].iter().find(|line| line.starts_with(char::is_alphabetic));
        let module = |line: &&str| line.contains("mod ") && line.contains('{');
        if lines[at] == "#[cfg(test)]" && head.is_some_and(module) {
            modules.push(at..end + 1);
            at = end;
        }
        at += 1;
    }
    modules
}
