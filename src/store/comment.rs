//! The table `comments`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::Result;
use super::prepared::prepared;
use super::table::{Table, assert_written};
use super::time;
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

prepared!(
    Insert(
        parents: Vec<String> => Array<Text>,
        numbers: Vec<i64> => Array<BigInt>,
        uids: Vec<Uuid> => Array<SqlUuid>,
        versions: Vec<i64> => Array<BigInt>,
        created_ats: Vec<PgTimestamp> => Array<Timestamptz>,
        updated_ats: Vec<PgTimestamp> => Array<Timestamptz>,
        creators: Vec<&'a str> => Array<Text>,
        texts: Vec<&'a str> => Array<Text>,
        edited_ats: Vec<Option<PgTimestamp>> => Array<SqlTime>,
    ) -> (),
    "insert into comments (parent, number, uid, version, created_at, updated_at, creator, text, \
     edited_at) select * from unnest({parents}, {numbers}, {uids}, {versions}, {created_ats}, \
     {updated_ats}, {creators}, {texts}, {edited_ats})"
);

prepared!(
    Update(
        parents: Vec<String> => Array<Text>,
        numbers: Vec<i64> => Array<BigInt>,
        versions: Vec<i64> => Array<BigInt>,
        updated_ats: Vec<PgTimestamp> => Array<Timestamptz>,
        texts: Vec<&'a str> => Array<Text>,
        edited_ats: Vec<Option<PgTimestamp>> => Array<SqlTime>,
    ) -> (),
    "update comments c set version = u.version, updated_at = u.updated_at, text = u.text, \
     edited_at = u.edited_at from unnest({parents}, {numbers}, {versions}, {updated_ats}, \
     {texts}, {edited_ats}) as u (parent, number, version, updated_at, text, edited_at) \
     where c.ctid = (select k.ctid from comments k \
     where k.parent = u.parent and k.number = u.number)"
);

prepared!(
    Delete(parents: Vec<String> => Array<Text>, numbers: Vec<i64> => Array<BigInt>) -> (),
    "delete from comments c using unnest({parents}, {numbers}) as u (parent, number) \
     where c.ctid = (select k.ctid from comments k \
     where k.parent = u.parent and k.number = u.number)"
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
    conn: &mut AsyncPgConnection,
    name: &CommentName,
) -> Result<Option<Comment>> {
    let (parent, number) = (name.parent.to_string(), name.number);
    let rows: Vec<Row> = Find { parent, number, _of: PhantomData }.load(conn).await?;
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

fn parents(rows: &[&Comment]) -> Vec<String> {
    rows.iter().map(|row| row.name.parent.to_string()).collect()
}

fn numbers(rows: &[&Comment]) -> Vec<i64> {
    rows.iter().map(|row| row.name.number).collect()
}

impl Table for Comment {
    const NAME: &str = "comments";

    async fn lock(conn: &mut AsyncPgConnection, keys: &BTreeSet<CommentName>) -> Result<Vec<Self>> {
        let parents = keys.iter().map(|key| key.parent.to_string()).collect();
        let numbers = keys.iter().map(|key| key.number).collect();
        let rows: Vec<Row> = Lock { parents, numbers, _of: PhantomData }.load(conn).await?;
        Ok(rows.into_iter().map(comment).collect())
    }

    async fn insert(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let insert = Insert {
            parents: parents(rows),
            numbers: numbers(rows),
            uids: rows.iter().map(|row| row.uid).collect(),
            versions: rows.iter().map(|row| row.version).collect(),
            created_ats: rows.iter().map(|row| time::to_sql(row.created_at)).collect(),
            updated_ats: rows.iter().map(|row| time::to_sql(row.updated_at)).collect(),
            creators: rows.iter().map(|row| row.creator.as_str()).collect(),
            texts: rows.iter().map(|row| row.text.as_str()).collect(),
            edited_ats: rows.iter().map(|row| row.edited_at.map(time::to_sql)).collect(),
            _of: PhantomData,
        };
        insert.execute(conn).await?;
        Ok(())
    }

    async fn update(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let update = Update {
            parents: parents(rows),
            numbers: numbers(rows),
            versions: rows.iter().map(|row| row.version).collect(),
            updated_ats: rows.iter().map(|row| time::to_sql(row.updated_at)).collect(),
            texts: rows.iter().map(|row| row.text.as_str()).collect(),
            edited_ats: rows.iter().map(|row| row.edited_at.map(time::to_sql)).collect(),
            _of: PhantomData,
        };
        assert_written(update.execute(conn).await?, rows.len());
        Ok(())
    }

    async fn delete(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let delete = Delete { parents: parents(rows), numbers: numbers(rows), _of: PhantomData };
        assert_written(delete.execute(conn).await?, rows.len());
        Ok(())
    }
}
