//! The table `comments`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::Result;
use super::prepared::{prepared, write_rows};
use super::table::Table;
use super::time;
use super::writes::Writes;
use crate::domain::comment::Comment;
use crate::domain::name::{ActorName, CommentName, CommentParent};

type SqlRow = (Text, BigInt, SqlUuid, BigInt, Timestamptz, Timestamptz, Text, Text, SqlTime);
type SqlTime = Nullable<Timestamptz>;
type Row = (String, i64, Uuid, i64, PgTimestamp, PgTimestamp, String, String, Option<PgTimestamp>);

macro_rules! columns {
    () => {
        "c.parent, c.number, c.uid, c.version, c.created_at, c.updated_at, c.creator, c.text, \
         c.edited_at"
    };
}

prepared!(
    Lock(parents: Vec<String> => Array<Text>, numbers: Vec<i64> => Array<BigInt>) -> SqlRow,
    concat!("select ", columns!(), " from (select * from unnest({parents}, {numbers}) \
             as u (parent, number) order by parent, number) as u cross join lateral (select * \
             from comments c where c.parent = u.parent and c.number = u.number \
             for no key update) as c")
);

prepared!(
    Find(parent: String => Text, number: i64 => BigInt) -> SqlRow,
    concat!("select ", columns!(), " from comments c \
             where c.parent = {parent} and c.number = {number}")
);

prepared!(
    Page(parent: String => Text, after: i64 => BigInt, limit: i64 => BigInt) -> SqlRow,
    concat!("select ", columns!(), " from comments c where c.parent = {parent} \
             and c.number > {after} order by c.number limit {limit}")
);

write_rows!(
    Insert of row: Comment {
        parent: String => Text = row.name.parent.to_string(),
        number: i64 => BigInt = row.name.number,
        uid: Uuid => SqlUuid = row.uid,
        version: i64 => BigInt = row.version,
        created_at: PgTimestamp => Timestamptz = time::to_sql(row.created_at),
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        creator: &'a str => Text = row.creator.as_str(),
        text: &'a str => Text = row.text.as_str(),
        edited_at: Option<PgTimestamp> => SqlTime = row.edited_at.map(time::to_sql),
    },
    "insert into comments ({columns}) select * from {rows}"
);

write_rows!(
    Update of row: Comment {
        parent: String => Text = row.name.parent.to_string(),
        number: i64 => BigInt = row.name.number,
        version: i64 => BigInt = row.version,
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        text: &'a str => Text = row.text.as_str(),
        edited_at: Option<PgTimestamp> => SqlTime = row.edited_at.map(time::to_sql),
    },
    "update comments c set version = u.version, updated_at = u.updated_at, text = u.text, \
     edited_at = u.edited_at from {rows} where c.ctid = (select k.ctid from comments k where \
     k.parent = u.parent and k.number = u.number)"
);

write_rows!(
    Delete of row: Comment {
        parent: String => Text = row.name.parent.to_string(),
        number: i64 => BigInt = row.name.number,
    },
    "delete from comments c using {rows} where c.ctid = (select k.ctid from comments k where \
     k.parent = u.parent and k.number = u.number)"
);

fn comment(row: Row) -> Comment {
    let (parent, number, uid, version, created_at, updated_at, creator, text, edited_at) = row;
    let parent = CommentParent::parse("parent", &parent).expect("only we write parents");
    Comment {
        name: CommentName { parent, number },
        uid,
        version,
        created_at: time::from_sql(created_at),
        updated_at: time::from_sql(updated_at),
        creator: ActorName::stored(&creator),
        text,
        edited_at: edited_at.map(time::from_sql),
    }
}

/// One comment.
pub(super) async fn find(
    mut conn: &AsyncPgConnection,
    name: &CommentName,
) -> Result<Option<Comment>> {
    let (parent, number) = (name.parent.to_string(), name.number);
    let rows: Vec<Row> = Find { parent, number, _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().next().map(comment))
}

/// Up to `limit` comments on a parent after a number, in the order of numbers.
pub(super) async fn page(
    mut conn: &AsyncPgConnection,
    parent: &CommentParent,
    after: i64,
    limit: i64,
) -> Result<Vec<Comment>> {
    let page = Page { parent: parent.to_string(), after, limit, _of: PhantomData };
    let rows: Vec<Row> = page.load(&mut conn).await?;
    Ok(rows.into_iter().map(comment).collect())
}

impl Table for Comment {
    const NAME: &str = "comments";

    async fn lock(mut conn: &AsyncPgConnection, keys: &BTreeSet<CommentName>) -> Result<Vec<Self>> {
        let parents = keys.iter().map(|key| key.parent.to_string()).collect();
        let numbers = keys.iter().map(|key| key.number).collect();
        let rows: Vec<Row> = Lock { parents, numbers, _of: PhantomData }.load(&mut conn).await?;
        Ok(rows.into_iter().map(comment).collect())
    }

    fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.add(Insert::of(rows));
    }

    fn update<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.exactly(rows.len(), Update::of(rows));
    }

    fn delete<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.exactly(rows.len(), Delete::of(rows));
    }
}
