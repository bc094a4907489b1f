//! The order of a list, and the rows after a place in it.

use super::{Columns, Statement, Stored, stored};
use crate::domain::query::{Kind, Order, Position, Scalar, Sort};

/// A field that is ordered by, and its value at a place.
#[derive(Clone, Copy)]
struct At<'a> {
    sort: &'a Sort,
    value: Option<&'a Scalar>,
}

impl<Row> Statement<Row> {
    /// Adds ` and …`: the row comes after that place.
    pub fn after(
        &mut self,
        columns: Columns,
        order: &Order,
        position: Option<&Position>,
    ) -> &mut Statement<Row> {
        let Some(position) = position else { return self };
        let values = position.values().iter().map(Option::as_ref);
        let place: Vec<At<'_>> =
            order.sorts().iter().zip(values).map(|(sort, value)| At { sort, value }).collect();
        let Some((first, others)) = place.split_first() else { return self };
        let is_row = place.iter().all(|at| {
            at.sort.is_descending == first.sort.is_descending && !at.sort.field.is_optional
        });
        self.sql(" and ");
        match is_row {
            true => self.row_after(columns, &place),
            false => {
                if let (false, Some(value)) = (first.sort.field.is_optional, first.value) {
                    // Of an `or` no index can tell where to begin.
                    let sign = if first.sort.is_descending { " <= " } else { " >= " };
                    self.key(columns, first.sort).sql(sign).scalar(value).sql(" and ");
                }
                self.chain_after(columns, *first, others)
            }
        }
    }

    /// `(a, b) > ($1, $2)`: an index begins there.
    fn row_after(&mut self, columns: Columns, place: &[At<'_>]) -> &mut Statement<Row> {
        let is_descending = place.iter().any(|at| at.sort.is_descending);
        for (n, at) in place.iter().enumerate() {
            self.sql(if n == 0 { "(" } else { ", " }).key(columns, at.sort);
        }
        self.sql(if is_descending { ") < " } else { ") > " });
        for (n, value) in place.iter().filter_map(|at| at.value).enumerate() {
            self.sql(if n == 0 { "(" } else { ", " }).scalar(value);
        }
        self.sql(")")
    }

    /// `(a > $1 or a = $1 and (b < $2 or …))`, where what is absent comes last.
    fn chain_after(
        &mut self,
        columns: Columns,
        at: At<'_>,
        others: &[At<'_>],
    ) -> &mut Statement<Row> {
        let sign = if at.sort.is_descending { " < " } else { " > " };
        self.sql("(");
        match at.value {
            Some(value) => self.key(columns, at.sort).sql(sign).scalar(value),
            None => self.sql("false"),
        };
        if at.sort.field.is_optional && at.value.is_some() {
            self.sql(" or ").key(columns, at.sort).sql(" is null");
        }
        if let Some((next, others)) = others.split_first() {
            self.sql(" or ").key(columns, at.sort);
            match at.value {
                Some(value) => self.sql(" = ").scalar(value),
                None => self.sql(" is null"),
            };
            self.sql(" and ").chain_after(columns, *next, others);
        }
        self.sql(")")
    }

    /// Adds ` order by …`.
    pub fn order(&mut self, columns: Columns, order: &Order) -> &mut Statement<Row> {
        for (n, sort) in order.sorts().iter().enumerate() {
            self.sql(if n == 0 { " order by " } else { ", " }).key(columns, sort);
            self.sql(if sort.is_descending { " desc" } else { "" });
            // Said of a column that is never null it would keep the index from being used.
            self.sql(if sort.field.is_optional { " nulls last" } else { "" });
        }
        self
    }

    fn key(&mut self, columns: Columns, sort: &Sort) -> &mut Statement<Row> {
        match stored(columns, sort.field) {
            Stored::As(sql) | Stored::Issue(_, sql) => self.sql(sql),
            // By words nothing is ordered.
            Stored::Words(_) => self,
        };
        self.sql(if sort.field.kind == Kind::Text { " collate \"C\"" } else { "" })
    }
}
