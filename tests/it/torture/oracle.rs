//! What a subscriber was told, held against the table of events.
//!
//! Over all its streams: it was told exactly what its filter takes, byte for byte, in the order of
//! `seq`, nothing twice; no call was split unless that was said; and every cursor was a place up to
//! which everything, and nothing more, had been told.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use potts::proto::event_service_client::EventServiceClient;
use potts::proto::subscribe_request::Start;
use potts::proto::subscribe_response::Message;
use potts::proto::{Event, EventFilter, SubscribeRequest};
use prost::Message as _;
use prost_types::value::Kind;
use tonic::Status;

use crate::support::TestDatabase;
use crate::support::app::{Door, PATIENCE};

/// An event, as the table has it.
#[derive(Debug)]
pub struct Row {
    pub seq: i64,
    id: Vec<u8>,
    project: String,
    root: String,
    subject: String,
    kind: String,
    class: i32,
    ends_command: bool,
    body: Vec<u8>,
}

impl Row {
    /// The issue or the message that has come into being.
    fn new_thing(&self) -> Option<String> {
        match self.kind.as_str() {
            "issue.created" => Some(self.subject.clone()),
            "message.received" => {
                let data = Event::decode(&self.body[..]).unwrap().data.unwrap();
                let Some(Kind::StringValue(name)) = &data.fields["message"].kind else {
                    panic!("{data:?}");
                };
                Some(name.clone())
            }
            _ => None,
        }
    }

    /// Whether a filter takes it.
    fn fits(&self, filter: &EventFilter) -> bool {
        let any = |words: &[String], fits: &dyn Fn(&String) -> bool| {
            words.is_empty() || words.iter().any(fits)
        };
        let of_kind = |word: &String| match word.strip_suffix('*') {
            Some(beginning) => self.kind.starts_with(beginning),
            None => self.kind == *word,
        };
        any(&filter.projects, &|name| *name == self.project)
            && any(&filter.roots, &|name| *name == self.root)
            && any(&filter.subjects, &|name| *name == self.subject)
            && any(&filter.types, &of_kind)
            && (filter.classes.is_empty() || filter.classes.contains(&self.class))
    }
}

/// The log behind a place, looked up behind the back of the service. Fails if it has a hole.
pub async fn rows(database: &TestDatabase, after: i64) -> Vec<Row> {
    let all = "select seq, uuid_send(event_id), project, root, subject, type, class, ends_command,
               body from events where seq > $1 order by seq";
    let rows = database.sql().await.query(all, &[&after]).await.unwrap();
    let row = |row: &tokio_postgres::Row| Row {
        seq: row.get(0),
        id: row.get(1),
        project: row.get(2),
        root: row.get(3),
        subject: row.get(4),
        kind: row.get(5),
        class: row.get::<_, i16>(6).into(),
        ends_command: row.get(7),
        body: row.get(8),
    };
    let rows: Vec<Row> = rows.iter().map(row).collect();
    for (row, seq) in rows.iter().zip(after + 1..) {
        assert_eq!(row.seq, seq, "the log has a hole");
    }
    rows
}

/// What a cursor says: a `seq`, and the tail of that event's id.
pub fn place(cursor: &str) -> (i64, Vec<u8>) {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap();
    (i64::from_be_bytes(bytes[9..17].try_into().unwrap()), bytes[17..].to_vec())
}

/// How often each issue and each message has come into being.
pub fn new_things(rows: &[Row]) -> BTreeMap<String, usize> {
    let mut things = BTreeMap::new();
    for name in rows.iter().filter_map(Row::new_thing) {
        *things.entry(name).or_default() += 1;
    }
    things
}

/// Whether a cursor is that of an event of these, which are in order.
pub fn is_in(rows: &[Row], cursor: &str) -> bool {
    let (seq, tail) = place(cursor);
    let found = rows.binary_search_by_key(&seq, |row| row.seq);
    found.is_ok_and(|at| rows[at].id[8..] == tail)
}

/// What a subscriber was told, in order.
#[derive(Debug)]
enum Told {
    Event(Bytes),
    /// A cursor, and of a batch, whether its last call is said to be whole.
    Place(String, Option<bool>),
}

/// A subscriber over all its streams. It is told everything that its streams say.
#[derive(Debug)]
pub struct Oracle {
    filter: EventFilter,
    /// Where it resumes.
    cursor: Option<String>,
    /// Where what is noted begins.
    began: i64,
    told: Vec<Told>,
    /// How many cursors it was given, and some of them, ever more seldom.
    places: usize,
    kept: Vec<String>,
}

impl Oracle {
    /// A subscriber that begins with the oldest event of a log that begins with 1.
    pub fn new(filter: EventFilter) -> Oracle {
        Oracle { filter, cursor: None, began: 0, told: Vec::new(), places: 0, kept: Vec::new() }
    }

    /// A subscriber that begins behind a place.
    fn resumed(&self, cursor: &str) -> Oracle {
        let (filter, began) = (self.filter.clone(), place(cursor).0);
        Oracle { began, cursor: Some(cursor.into()), ..Oracle::new(filter) }
    }

    /// What it asks for when it comes again.
    pub fn request(&self) -> SubscribeRequest {
        let start = self.cursor.clone().map_or(Start::FromBeginning(true), Start::After);
        SubscribeRequest {
            start: Some(start),
            filter: Some(self.filter.clone()),
            ..Default::default()
        }
    }

    /// The `seq` up to which it was told everything, as it believes.
    pub fn at(&self) -> i64 {
        self.cursor.as_deref().map_or(self.began, |cursor| place(cursor).0)
    }

    /// How many events it was told since it was checked.
    pub fn events(&self) -> usize {
        self.told.iter().filter(|told| matches!(told, Told::Event(_))).count()
    }

    /// Takes note of a message.
    pub fn note(&mut self, message: Message) {
        let (cursor, complete) = match message {
            Message::Batch(batch) => {
                self.told.extend(batch.events.into_iter().map(Told::Event));
                (batch.cursor, Some(batch.command_complete))
            }
            Message::Started(m) => (m.cursor, None),
            Message::Checkpoint(m) => (m.cursor, None),
            Message::CaughtUp(m) => (m.cursor, None),
            Message::FellBehind(m) => (m.cursor, None),
        };
        self.places += 1;
        if self.places.is_power_of_two() {
            self.kept.push(cursor.clone());
        }
        self.cursor = Some(cursor.clone());
        self.told.push(Told::Place(cursor, complete));
    }

    /// Reads all that there is.
    pub async fn read_on(&mut self, door: &Door) -> Result<(), Status> {
        let request = SubscribeRequest { stop_when_caught_up: true, ..self.request() };
        let mut stream =
            EventServiceClient::new(door.clone()).subscribe(request).await?.into_inner();
        let next = async |stream: &mut tonic::Streaming<_>| {
            tokio::time::timeout(PATIENCE, stream.message()).await.expect("a message in time")
        };
        while let Some(said) = next(&mut stream).await? {
            let said: potts::proto::SubscribeResponse = said;
            self.note(said.message.unwrap());
        }
        Ok(())
    }

    /// What it was told that is not so, or was not told: `rows` are the whole log behind where it
    /// began. Then it begins anew where it is.
    pub fn violations(&mut self, rows: &[Row]) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut expected = rows.iter().filter(|row| row.fits(&self.filter)).peekable();
        let mut last: Option<&Row> = None;
        let mut at = self.began;
        for told in &self.told {
            match told {
                Told::Event(bytes) => {
                    let event = Event::decode(bytes.clone()).unwrap();
                    let Some(row) = expected.next_if(|row| row.seq == event.seq) else {
                        let next = expected.peek().map(|row| row.seq);
                        complaints.push(format!("told {}, but {next:?} is next", event.seq));
                        break;
                    };
                    if !bytes.ends_with(&row.body) {
                        complaints.push(format!("the event {} is another", row.seq));
                    }
                    last = Some(row);
                }
                Told::Place(cursor, complete) => {
                    let next = expected.peek().copied();
                    complaints.extend(misplaced(rows, at, cursor, last, next));
                    at = place(cursor).0;
                    let said = complete.zip(last);
                    complaints.extend(said.and_then(|(whole, last)| unsaid(rows, whole, last, at)));
                }
            }
        }
        if complaints.is_empty() {
            let rest: Vec<i64> = expected.map(|row| row.seq).take(9).collect();
            let head = rows.last().map_or(self.began, |row| row.seq);
            if !rest.is_empty() || at != head {
                complaints.push(format!("at {at} of {head}; never told {rest:?}"));
            }
        }
        (self.began, self.told) = (at, Vec::new());
        complaints
    }

    /// Whether cursors that it was given lead to exactly the rest: `rows` are the whole log behind
    /// where it began before it was checked. Forgets them.
    pub async fn misled(&mut self, door: &Door, rows: &[Row]) -> Vec<String> {
        let mut complaints = Vec::new();
        self.places = 0;
        for cursor in std::mem::take(&mut self.kept).into_iter().chain(self.cursor.clone()) {
            let mut again = self.resumed(&cursor);
            again.read_on(door).await.unwrap();
            let rest = rows.partition_point(|row| row.seq <= again.began);
            complaints.extend(again.violations(&rows[rest..]));
        }
        complaints
    }
}

/// A cursor behind an event that was not told yet, before one that was, or of no event.
fn misplaced(
    rows: &[Row],
    at: i64,
    cursor: &str,
    last: Option<&Row>,
    next: Option<&Row>,
) -> Option<String> {
    let seq = place(cursor).0;
    let is_sound = seq >= at
        && last.is_none_or(|last| last.seq <= seq)
        && next.is_none_or(|next| next.seq > seq)
        && (seq == at || is_in(rows, cursor));
    let (last, next) = (last.map(|row| row.seq), next.map(|row| row.seq));
    (!is_sound).then(|| format!("a cursor at {seq} after {at}, told {last:?}, next {next:?}"))
}

/// A call that is said to be whole and was not scanned to its end, or one that is not said to be
/// whole although its end was told: as the last event, or as the place of the cursor. Places in
/// between may have been passed unseen.
fn unsaid(rows: &[Row], is_whole: bool, last: &Row, at: i64) -> Option<String> {
    let from = rows.partition_point(|row| row.seq < last.seq);
    let scanned = rows[from..].iter().take_while(|row| row.seq <= at);
    let is_true = match is_whole {
        true => scanned.clone().any(|row| row.ends_command),
        false => !last.ends_command && !scanned.last().is_some_and(|row| row.ends_command),
    };
    (!is_true).then(|| format!("the call of {} is said to be whole at {at}: {is_whole}", last.seq))
}
