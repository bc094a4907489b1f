//! Statements that PostgreSQL keeps prepared.
//!
//! A statement is a struct: its fields are the parameters, its type is the key under which the
//! connection keeps the plan. The text names a parameter in braces. `{columns}` are the names of
//! all parameters, and `{rows}` is a table `u` that has each as a column, where all are arrays.
//!
//! A plan that is kept was made for the table as it was then, often empty. So the statements of a
//! batch leave the planner no choice that is bad later: rows are found by key in a `lateral`
//! subquery, row by row and never as one side of a join, and what is updated is found by the
//! `ctid` of a row that is locked. [`super::connect`] forbids the rest to the lanes.

use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;

/// Declares a statement: parameters with their SQL types, the SQL types of its rows, its text.
macro_rules! prepared {
    (
        $(#[$doc:meta])*
        $name:ident ( $($field:ident: $rust:ty => $sql:ty),* $(,)? ) -> $row:ty, $text:expr
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(super) struct $name<'a> {
            $(pub(super) $field: $rust,)*
            pub(super) _of: std::marker::PhantomData<&'a ()>,
        }

        impl diesel::query_builder::QueryId for $name<'_> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl diesel::query_builder::Query for $name<'_> {
            type SqlType = $row;
        }

        impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name<'_> {
            fn walk_ast<'b>(
                &'b self,
                out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
            ) -> diesel::result::QueryResult<()> {
                let all = &[$(stringify!($field)),*];
                $crate::store::prepared::walk_all($text, all, out, |name, _out| match name {
                    $(stringify!($field) => _out.push_bind_param::<$sql, _>(&self.$field),)*
                    other => panic!("the statement has no parameter {other}"),
                })
            }
        }
    };
}
pub(super) use prepared;

/// Declares a statement that writes any number of rows, and `of`, which makes it of them. A line is
/// a column: its name, its types, and what a row has there.
macro_rules! write_rows {
    (
        $name:ident of $row:ident: $noun:ty {
            $($column:ident: $rust:ty => $sql:ty = $value:expr),* $(,)?
        },
        $text:expr
    ) => {
        $crate::store::prepared::prepared!(
            $name($($column: Vec<$rust> => diesel::sql_types::Array<$sql>),*) -> (), $text
        );

        impl<'a> $name<'a> {
            fn of(rows: &[&'a $noun]) -> $name<'a> {
                $name {
                    $($column: rows.iter().copied().map(|$row| $value).collect(),)*
                    _of: std::marker::PhantomData,
                }
            }
        }
    };
}
pub(super) use write_rows;

/// Writes the text of a statement that has these parameters.
pub(super) fn walk_all<'a, 'b>(
    text: &str,
    parameters: &[&str],
    out: AstPass<'a, 'b, Pg>,
    bind: impl Fn(&str, &mut AstPass<'a, 'b, Pg>) -> QueryResult<()>,
) -> QueryResult<()> {
    walk(text, out, |name, out| match name {
        "columns" => {
            list(parameters, out);
            Ok(())
        }
        "rows" => {
            for (n, parameter) in parameters.iter().enumerate() {
                out.push_sql(if n == 0 { "unnest(" } else { ", " });
                bind(parameter, out)?;
            }
            out.push_sql(") as u (");
            list(parameters, out);
            out.push_sql(")");
            Ok(())
        }
        parameter => bind(parameter, out),
    })
}

fn list(names: &[&str], out: &mut AstPass<'_, '_, Pg>) {
    for (n, name) in names.iter().enumerate() {
        out.push_sql(if n == 0 { "" } else { ", " });
        out.push_sql(name);
    }
}

/// Writes the text of a statement, and binds a parameter wherever it names one.
pub(super) fn walk<'a, 'b>(
    text: &str,
    mut out: AstPass<'a, 'b, Pg>,
    bind: impl Fn(&str, &mut AstPass<'a, 'b, Pg>) -> QueryResult<()>,
) -> QueryResult<()> {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').expect("each brace is closed");
        out.push_sql(before);
        bind(name, &mut out)?;
        rest = after;
    }
    out.push_sql(rest);
    Ok(())
}
