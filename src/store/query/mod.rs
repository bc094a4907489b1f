//! Statements of lists: what callers filter and order by, as SQL.
//!
//! The text of such a statement is put together, never out of values: each is a parameter. A noun
//! says how its fields are stored, in [`Columns`], and begins the statement:
//!
//! ```text
//! select … from issues i where i.project = $1 and …          the noun
//!    and (i.status = $2 and i.parameters @> $3::jsonb)       [`Statement::filter`]
//!    and (i.updated_at, i.number) > ($4, $5)                 [`Statement::after`]
//!  order by i.updated_at, i.number limit $6                  [`Statement::order`]
//! ```

mod condition;
mod kept;
mod place;

use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Bool, Text, Timestamptz};
use jiff::Timestamp;

use super::time;
use crate::domain::name::IssueName;
use crate::domain::query::{Field, Filter, Order, Position, Scalar};

/// Where the fields of a noun are stored, by their names in the contract.
pub(super) type Columns = &'static [(&'static str, Stored)];

/// Where a field is stored.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stored {
    /// An expression of the type that the field's kind has: `text`, also for an enum, an integer
    /// type, `boolean`, `timestamptz`, `text[]` or `jsonb`. It is null where an optional field is
    /// absent, and never null otherwise.
    As(&'static str),
    /// An issue: the id of its project, and its number, which is null where the field is absent.
    Issue(&'static str, &'static str),
    /// The words of an enum that follow from something else, each with the condition that it stands
    /// for, which is never null; the empty word is the field being absent. An index can serve that,
    /// and none would serve a `case`.
    Words(&'static [(&'static str, &'static str)]),
}

/// What somebody asks a list for: which rows, in which order, from where on.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// Which.
    pub filter: &'a Filter,
    /// In which order.
    pub order: &'a Order,
    /// After which place; none is from the first.
    pub after: Option<&'a Position>,
    /// How many at most.
    pub limit: i64,
}

fn stored(columns: Columns, field: &Field) -> Stored {
    let found = columns.iter().find(|(name, _)| *name == field.name);
    found.map(|(_, stored)| *stored).expect("each field of a noun is stored somewhere")
}

/// A statement that is being put together, whose rows have that SQL type.
#[derive(Debug)]
pub(super) struct Statement<Row> {
    pieces: Vec<Piece>,
    /// What the filter looks at.
    tests: usize,
    is_kept: bool,
    _rows: PhantomData<fn() -> Row>,
}

/// A piece of the text, or a parameter.
#[derive(Clone, PartialEq, Debug)]
enum Piece {
    Sql(String),
    Text(String),
    Texts(Vec<String>),
    Integer(i64),
    Boolean(bool),
    Time(PgTimestamp),
}

impl<Row> Statement<Row> {
    /// Begins with that text.
    pub fn new(text: &str) -> Statement<Row> {
        let pieces = vec![Piece::Sql(text.to_owned())];
        Statement { pieces, tests: 0, is_kept: false, _rows: PhantomData }
    }

    /// Adds all that was asked, behind a condition: more conditions, the order and the limit.
    pub fn select(&mut self, columns: Columns, asked: &Selection<'_>) -> &mut Statement<Row> {
        let Selection { filter, order, after, limit } = *asked;
        self.sql(" and ").filter(columns, filter).after(columns, order, after);
        self.order(columns, order).sql(" limit ").integer(limit)
    }

    /// Adds text of ours.
    pub fn sql(&mut self, text: &str) -> &mut Statement<Row> {
        match self.pieces.last_mut() {
            Some(Piece::Sql(last)) => last.push_str(text),
            Some(_) | None => self.pieces.push(Piece::Sql(text.to_owned())),
        }
        self
    }

    /// Adds a parameter.
    pub fn text(&mut self, value: &str) -> &mut Statement<Row> {
        self.piece(Piece::Text(value.to_owned()))
    }

    /// Adds a parameter.
    pub fn texts(&mut self, values: Vec<String>) -> &mut Statement<Row> {
        self.piece(Piece::Texts(values))
    }

    /// Adds a parameter.
    pub fn time(&mut self, value: Timestamp) -> &mut Statement<Row> {
        self.piece(Piece::Time(time::to_sql(value)))
    }

    /// Adds a parameter.
    pub fn integer(&mut self, value: i64) -> &mut Statement<Row> {
        self.piece(Piece::Integer(value))
    }

    /// Adds a parameter.
    fn scalar(&mut self, value: &Scalar) -> &mut Statement<Row> {
        match value {
            Scalar::Text(text) => self.text(text),
            Scalar::Integer(number) => self.integer(*number),
            Scalar::Number(number) => self.text(&number.to_string()).sql("::numeric"),
            Scalar::Time(at) => self.time(*at),
            Scalar::Boolean(flag) => self.piece(Piece::Boolean(*flag)),
            Scalar::Issue(IssueName { project, number }) => {
                self.sql("(").text(project.as_str()).sql(", ").integer(*number).sql(")")
            }
        }
    }

    fn piece(&mut self, piece: Piece) -> &mut Statement<Row> {
        self.pieces.push(piece);
        self
    }

    /// Ends it. Sessions keep it prepared if it is likely to come again.
    pub fn done(mut self) -> Statement<Row> {
        let text = self.pieces.iter().map(|piece| match piece {
            Piece::Sql(text) => text.as_str(),
            Piece::Text(_)
            | Piece::Texts(_)
            | Piece::Integer(_)
            | Piece::Boolean(_)
            | Piece::Time(_) => "$",
        });
        self.is_kept = kept::is_kept(self.tests, text.collect());
        self
    }

    /// The statement that tells how this one would be carried out.
    pub fn explained(self) -> Statement<Text> {
        let Statement { mut pieces, tests, .. } = self;
        pieces.insert(0, Piece::Sql("explain ".into()));
        Statement { pieces, tests, is_kept: false, _rows: PhantomData }
    }
}

impl<Row> QueryId for Statement<Row> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Row> Query for Statement<Row> {
    type SqlType = Row;
}

impl<Row> QueryFragment<Pg> for Statement<Row> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if !self.is_kept {
            out.unsafe_to_cache_prepared();
        }
        for piece in &self.pieces {
            match piece {
                Piece::Sql(text) => out.push_sql(text),
                Piece::Text(text) => out.push_bind_param::<Text, _>(text)?,
                Piece::Texts(texts) => out.push_bind_param::<Array<Text>, _>(texts)?,
                Piece::Integer(number) => out.push_bind_param::<BigInt, _>(number)?,
                Piece::Boolean(flag) => out.push_bind_param::<Bool, _>(flag)?,
                Piece::Time(at) => out.push_bind_param::<Timestamptz, _>(at)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
