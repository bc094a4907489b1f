//! Pages of the log: what its readers ask for, of what they may see.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::Result;
use super::prepared::prepared;
use crate::domain::audience::{Audience, Names};
use crate::domain::event::{EventPattern, Seq};
use crate::domain::filter::EventFilter;
use crate::domain::reader::{Limits, Seen, View};

/// An event on a page. The last place that was scanned is always there, seen or not, because a
/// cursor is made from it.
#[derive(Clone, Debug)]
pub struct PageRow {
    /// Its place.
    pub seq: Seq,
    /// Its id.
    pub event_id: Uuid,
    /// Whether it is the last of its command.
    pub ends_command: bool,
    /// How the reader sees it.
    pub seen: Seen,
    /// An encoded `potts.v1.Event` without `seq`.
    pub body: Vec<u8>,
}

/// An event as it is stored, and who may see it.
#[derive(Clone, Debug)]
pub struct RawRow {
    /// Its place.
    pub seq: Seq,
    /// Its id.
    pub event_id: Uuid,
    /// Whether it is the last of its command.
    pub ends_command: bool,
    /// Who may see it.
    pub audience: Audience,
    /// An encoded `potts.v1.Event` without `seq`.
    pub body: Vec<u8>,
}

type SqlNames = Nullable<Array<Text>>;
type SqlRawRow = (BigInt, SqlUuid, Bool, SqlNames, SqlNames, Binary);

// What else filters look at is read out of the body, where it costs nobody who takes all.
prepared!(
    Raw(after: i64 => BigInt, to: i64 => BigInt) -> SqlRawRow,
    "select seq, event_id, ends_command, visible_before, visible_after, body from events \
     where seq > {after} and seq <= {to} order by seq"
);

/// Every event after one place, up to and including another.
pub(super) async fn raw(conn: &mut AsyncPgConnection, after: Seq, to: Seq) -> Result<Vec<RawRow>> {
    let raw = Raw { after: after.0, to: to.0, _of: PhantomData };
    let rows: Vec<(i64, Uuid, bool, Names, Names, Vec<u8>)> = raw.load(conn).await?;
    let row = |(seq, event_id, ends_command, visible_before, visible_after, body)| {
        let audience = Audience::of(visible_before, visible_after);
        RawRow { seq: Seq(seq), event_id, ends_command, audience, body }
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Beside the event: whether it is taken, and whether as it is.
type SqlRow = (BigInt, SqlUuid, Bool, Bool, Bool, Binary);
type Row = (i64, Uuid, bool, bool, bool, Vec<u8>);

fn page_row(row: Row) -> PageRow {
    let (seq, event_id, ends_command, taken, whole, body) = row;
    let seen = match (taken, whole) {
        (false, _) => Seen::No,
        (true, false) => Seen::Hidden,
        (true, true) => Seen::Whole,
    };
    PageRow { seq: Seq(seq), event_id, ends_command, seen, body }
}

prepared!(
    WholePage(after: i64 => BigInt, to: i64 => BigInt, limit: i64 => BigInt) -> SqlRow,
    "select seq, event_id, ends_command, true, true, body from events \
     where seq > {after} and seq <= {to} order by seq limit {limit}"
);

macro_rules! filter {
    () => {
        "(({projects} is null or project = any({projects})) \
         and ({roots} is null or root = any({roots})) \
         and ({subjects} is null or subject = any({subjects})) \
         and ({types} is null or type = any({types}) or split_part(type, '.', 1) = any({nouns})) \
         and ({classes} is null or class = any({classes})))"
    };
}

/// Whether the reader sees anything of an event: the rule of `domain::reader`, which a test
/// compares with this.
macro_rules! readable {
    () => {
        "(project = any({readable}) and split_part(type, '.', 1) <> 'credential' \
         and (visible_after is null or visible_before is null \
         or visible_after && {principals} or visible_before && {principals} \
         or project = any({administered})))"
    };
}

/// Whether the reader sees all of an event that is readable.
macro_rules! whole {
    () => {
        "(visible_after is null or visible_after && {principals} \
         or project = any({administered}))"
    };
}

/// A statement of a filter; behind the semicolon, what it takes besides.
macro_rules! filtered {
    ($name:ident, $($part:expr),*; $($more:ident: $rust:ty => $sql:ty,)*) => {
        prepared!(
            $name(
                after: i64 => BigInt,
                to: i64 => BigInt,
                limit: i64 => BigInt,
                projects: Option<Vec<&'a str>> => Nullable<Array<Text>>,
                roots: Option<Vec<&'a str>> => Nullable<Array<Text>>,
                subjects: Option<Vec<&'a str>> => Nullable<Array<Text>>,
                types: Option<Vec<&'a str>> => Nullable<Array<Text>>,
                nouns: Vec<&'a str> => Array<Text>,
                classes: Option<Vec<i16>> => Nullable<Array<SmallInt>>,
                $($more: $rust => $sql,)*
            ) -> SqlRow,
            concat!($($part),*)
        );

        impl<'a> $name<'a> {
            fn new(stretch: Stretch, filter: &'a EventFilter, $($more: $rust,)*) -> Self {
                let EventFilter { projects, roots, subjects, types, classes } = filter;
                let Stretch { after, to, limit } = stretch;
                let (types, nouns) = patterns(types.as_deref());
                $name {
                    after: after.0,
                    to: to.0,
                    limit,
                    projects: projects.as_ref().map(names),
                    roots: roots.as_ref().map(names),
                    subjects: subjects.as_ref().map(names),
                    types,
                    nouns,
                    classes: classes.as_ref().map(|set| set.iter().map(|c| c.number()).collect()),
                    $($more,)*
                    _of: PhantomData,
                }
            }
        }
    };
}

/// The same for a reader with bounds.
macro_rules! bounded {
    ($name:ident, $($part:expr),*) => {
        filtered!(
            $name, $($part),*;
            readable: Vec<&'a str> => Array<Text>,
            administered: Vec<&'a str> => Array<Text>,
            principals: Vec<&'a str> => Array<Text>,
        );

        impl<'a> $name<'a> {
            fn within(stretch: Stretch, filter: &'a EventFilter, limits: &'a Limits) -> Self {
                let Limits { projects, principals } = limits;
                // The installation has no name.
                let readable = projects.keys().map(String::as_str).chain([""]).collect();
                let administered = projects.iter().filter(|(_, administers)| **administers);
                let administered = administered.map(|(name, _)| name.as_str()).collect();
                $name::new(stretch, filter, readable, administered, names(principals))
            }
        }
    };
}

fn names(set: &BTreeSet<String>) -> Vec<&str> {
    set.iter().map(String::as_str).collect()
}

/// Exact types and nouns; no types at all means that every type is taken.
fn patterns(types: Option<&[EventPattern]>) -> (Option<Vec<&str>>, Vec<&str>) {
    let Some(types) = types.filter(|types| !types.contains(&EventPattern::All)) else {
        return (None, Vec::new());
    };
    let (mut exact, mut nouns) = (Vec::new(), Vec::new());
    for pattern in types {
        match pattern {
            EventPattern::Exact(kind) => exact.push(kind.as_str()),
            EventPattern::Noun(noun) => nouns.push(noun.as_str()),
            EventPattern::All => (),
        }
    }
    (Some(exact), nouns)
}

filtered!(
    FilteredPage,
    "select seq, event_id, ends_command, ",
    filter!(),
    " as taken, true, body from events where seq > {after} and seq <= {to} and (seq = {to} or ",
    filter!(),
    ") order by seq limit {limit}";
);

filtered!(
    Newest,
    "select seq, event_id, ends_command, true, true, body from events \
     where seq > {after} and seq <= {to} and ",
    filter!(),
    " order by seq desc limit {limit}";
);

bounded!(
    BoundedPage,
    "select seq, event_id, ends_command, ",
    filter!(),
    " and ",
    readable!(),
    " as taken, ",
    whole!(),
    " as whole, body from events where seq > {after} and seq <= {to} and (seq = {to} or ",
    filter!(),
    " and ",
    readable!(),
    ") order by seq limit {limit}"
);

bounded!(
    BoundedNewest,
    "select seq, event_id, ends_command, true, ",
    whole!(),
    " as whole, body from events where seq > {after} and seq <= {to} and ",
    filter!(),
    " and ",
    readable!(),
    " order by seq desc limit {limit}"
);

/// Which places to look at, and how many rows to answer at most.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// The place before the first.
    pub after: Seq,
    /// The last place.
    pub to: Seq,
    /// At most so many rows.
    pub limit: i64,
}

impl Stretch {
    /// One event.
    pub fn one(seq: Seq) -> Stretch {
        Stretch { after: Seq(seq.0 - 1), to: seq, limit: 1 }
    }
}

/// A page of the log: what is seen of a stretch, oldest first, and the row of its last place.
pub(super) async fn page(
    mut conn: &AsyncPgConnection,
    stretch: Stretch,
    view: &View,
) -> Result<Vec<PageRow>> {
    let View { filter, reader } = view;
    let rows: Vec<Row> = match reader.limits() {
        None if filter.takes_all() => {
            let Stretch { after, to, limit } = stretch;
            let whole = WholePage { after: after.0, to: to.0, limit, _of: PhantomData };
            whole.load(&mut conn).await?
        }
        None => FilteredPage::new(stretch, filter).load(&mut conn).await?,
        Some(limits) => BoundedPage::within(stretch, filter, limits).load(&mut conn).await?,
    };
    Ok(rows.into_iter().map(page_row).collect())
}

/// What is seen of a stretch, newest first.
pub(super) async fn newest(
    mut conn: &AsyncPgConnection,
    stretch: Stretch,
    view: &View,
) -> Result<Vec<PageRow>> {
    let View { filter, reader } = view;
    let rows: Vec<Row> = match reader.limits() {
        None => Newest::new(stretch, filter).load(&mut conn).await?,
        Some(limits) => BoundedNewest::within(stretch, filter, limits).load(&mut conn).await?,
    };
    Ok(rows.into_iter().map(page_row).collect())
}
