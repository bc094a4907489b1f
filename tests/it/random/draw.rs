//! Drawing a command: what is asked for is mostly there, mostly sound, and sometimes neither.

use potts::proto::HeartbeatActionRequest;
use prost_types::value::Kind;
use prost_types::{FieldMask, Struct, Timestamp, Value};

use super::commands::Command;
use super::known::Known;
use super::rng::Rng;
use super::{actions, issues, others, remarks};

/// Things that came up longer ago are asked for less: what happens happens to few.
const NEWEST: usize = 25;
/// Everybody who is named.
const PEOPLE: [&str; 7] = [
    "actors/ann",
    "actors/ben",
    "actors/cat",
    "actors/dan",
    "actors/eve",
    "groups/qa",
    "groups/ops",
];
/// Some who cannot be given work, or are not there.
const NOBODY: [&str; 4] = ["actors/one", "actors/nobody", "groups/none", "nobody at all"];

/// A claim of a caller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    pub name: String,
    pub fence: i64,
}

/// What is to be sent.
#[derive(Clone, Debug)]
pub enum Drawn {
    /// A change.
    Write(Command),
    /// A sign of life, which changes nothing that is told.
    Beat(HeartbeatActionRequest),
}

/// Who draws, and what they know.
pub struct Draw<'a> {
    pub rng: &'a mut Rng,
    pub known: &'a Known,
    pub held: &'a [Held],
}

/// What makes a command.
pub type Maker = fn(&mut Draw<'_>) -> Command;

impl Draw<'_> {
    /// The next command.
    pub fn drawn(&mut self) -> Drawn {
        if self.rng.chance(3) {
            let Held { name, fence } = self.held();
            let (progress, note) = (Some(self.number(120)), Some(self.text()));
            return Drawn::Beat(HeartbeatActionRequest { name, fence, progress, note });
        }
        Drawn::Write(self.command())
    }

    /// The next change.
    pub fn command(&mut self) -> Command {
        let makers = self.rng.weighted(&[
            (38, issues::MAKERS),
            (44, actions::MAKERS),
            (11, remarks::MAKERS),
            (7, others::MAKERS),
        ]);
        self.rng.weighted(makers)(self)
    }

    fn named(&mut self, kind: &str, otherwise: &[&str]) -> String {
        let names = self.known.names(kind);
        if names.is_empty() || self.rng.chance(3) {
            return self.rng.pick(otherwise).into();
        }
        let newest = names.len().saturating_sub(NEWEST);
        let from = if self.rng.chance(15) { 0 } else { newest };
        self.rng.pick(&names[from..])
    }

    /// The name of an issue, or its key.
    pub fn issue(&mut self) -> String {
        let name = self.named("Issue", &["projects/abc/issues/9999", "ABC-1x", "projects/xyz", ""]);
        match name.strip_prefix("projects/abc/issues/") {
            Some(number) if self.rng.chance(10) => format!("abc-{number}"),
            Some(_) | None => name,
        }
    }

    /// The name of an action.
    pub fn action(&mut self) -> String {
        self.named("Action", &["projects/abc/issues/1/actions/999", "ABC-1/actions/0", "actions/1"])
    }

    /// The name of a thing of that kind.
    pub fn of_kind(&mut self, kind: &str, otherwise: &str) -> String {
        self.named(kind, &[otherwise, "nonsense"])
    }

    /// A claim: mostly one that goes on.
    pub fn held(&mut self) -> Held {
        if self.held.is_empty() || self.rng.chance(7) {
            let fence = self.rng.pick(&[-1, 0, 1, 1, 2, 99]);
            return Held { name: self.action(), fence };
        }
        self.rng.pick(self.held)
    }

    /// Mostly none, else the last one known, else a wrong one.
    pub fn etag(&mut self, name: &str) -> String {
        match self.rng.below(30) {
            0 => "v99999".into(),
            1..3 => self.known.etag(name),
            _ => String::new(),
        }
    }

    /// Somebody.
    pub fn person(&mut self) -> String {
        let nobody = self.rng.chance(5);
        if nobody { self.rng.pick(&NOBODY).into() } else { self.rng.pick(&PEOPLE).into() }
    }

    /// Few people, mostly none.
    pub fn people(&mut self) -> Vec<String> {
        let count = self.rng.weighted(&[(12, 0), (4, 1), (2, 2), (1, 3)]);
        (0..count).map(|_| self.person()).collect()
    }

    /// A priority, not set in half of the cases and sometimes too low.
    pub fn priority(&mut self) -> i32 {
        self.rng.weighted(&[(20, 0), (4, 1), (4, 2), (4, 3), (4, 5), (1, 6), (1, -1)])
    }

    /// A small number, 0 in half of the cases.
    pub fn number(&mut self, bound: usize) -> i32 {
        if self.rng.chance(50) { 0 } else { i32::try_from(self.rng.below(bound)).unwrap() }
    }

    /// Words, mostly none.
    pub fn text(&mut self) -> String {
        let texts = [(40, ""), (20, "because"), (10, "Zwölf Boxkämpfer\njagen"), (1, "\u{0}")];
        self.rng.weighted(&texts).into()
    }

    /// A line, mostly sound.
    pub fn title(&mut self) -> String {
        let titles = [(40, "The light is off"), (20, "Änderung"), (1, ""), (1, "two\nlines")];
        let title = self.rng.weighted(&titles);
        if title.is_empty() { String::new() } else { format!("{title} {}", self.rng.below(9)) }
    }

    /// Mostly no time; else one in the past, soon, or far away.
    pub fn time(&mut self) -> Option<Timestamp> {
        let now = jiff::Timestamp::now().as_second();
        let after = self.rng.weighted(&[
            (10, None),
            (2, Some(-60)),
            (2, Some(2)),
            (1, Some(30)),
            (2, Some(100_000)),
        ]);
        after.map(|after| Timestamp { seconds: now + after, nanos: 123_456_789 })
    }

    /// Data: mostly none, often what the types of the town ask for.
    pub fn data(&mut self) -> Option<Struct> {
        let text = |text: &str| Value { kind: Some(Kind::StringValue(text.into())) };
        let number = |number: f64| Value { kind: Some(Kind::NumberValue(number)) };
        let fields: Vec<(&str, Value)> = match self.rng.below(32) {
            0..12 => return None,
            12..14 => vec![],
            14..24 => vec![("host", text("h1"))],
            24..26 => vec![("host", number(1.5)), ("severity", number(7.0))],
            26..30 => vec![("severity", number(3.0)), ("reason", text("late"))],
            30 => vec![("version", text("1.4"))],
            _ => vec![("host", Value { kind: None })],
        };
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
        Some(Struct { fields: fields.collect() })
    }

    /// A mask of one or two of these paths; sometimes none.
    pub fn mask(&mut self, paths: &[(usize, &str)]) -> Option<FieldMask> {
        let count = self.rng.weighted(&[(1, 0), (6, 1), (3, 2)]);
        let paths = (0..count).map(|_| self.rng.weighted(paths).to_owned()).collect();
        (count > 0).then_some(FieldMask { paths })
    }
}
