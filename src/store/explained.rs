//! Asking PostgreSQL how a statement is carried out. Tests hold statements to indexes.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::Text;

/// A statement of which the plan is asked, a line a row.
#[derive(Debug)]
pub(super) struct Explained<T> {
    /// Whether it is carried out, so that rows are counted.
    pub carried_out: bool,
    /// The statement.
    pub statement: T,
}

impl<T> QueryId for Explained<T> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<T> Query for Explained<T> {
    type SqlType = Text;
}

impl<T: QueryFragment<Pg>> QueryFragment<Pg> for Explained<T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql(match self.carried_out {
            true => "explain (analyze, costs off, timing off, summary off) ",
            false => "explain ",
        });
        self.statement.walk_ast(out)
    }
}
