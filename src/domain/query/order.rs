//! The order of a list, and a place in it.

use super::super::error::{Result, invalid, quoted};
use super::field::{Field, Fields, Kind};
use super::filter::Scalar;
use super::holds::{Found, Lookup};

/// The first second that RFC 3339 can say. PostgreSQL knows none that are much earlier.
const YEAR_0: i64 = -62_167_219_200;

/// One field to order by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sort {
    /// The field.
    pub field: &'static Field,
    /// From the largest to the smallest.
    pub is_descending: bool,
}

/// An order in which no two rows are equal: it ends with the keys. Rows without a field come last,
/// whichever way it goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order(Vec<Sort>);

impl Order {
    /// Reads `priority desc, update_time`. Empty means the order of the keys.
    ///
    /// A key that is not named goes the way of the field before it, so that one index serves both.
    pub fn parse(text: &str, fields: &Fields) -> Result<Order> {
        let mut sorts: Vec<Sort> = Vec::new();
        for part in text.split(',').filter(|_| !text.trim().is_empty()) {
            let sort = read(part, fields)?;
            if sorts.iter().any(|known| known.field.name == sort.field.name) {
                return Err(invalid("order_by", format!("names {} twice", sort.field.name)));
            }
            sorts.push(sort);
        }
        for key in fields.keys {
            let field = fields.get(key).expect("the keys are among the fields");
            if !sorts.iter().any(|sort| sort.field.name == field.name) {
                let is_descending = sorts.last().is_some_and(|last| last.is_descending);
                sorts.push(Sort { field, is_descending });
            }
        }
        // Whatever follows the last key decides nothing.
        let is_key = |sort: &Sort| fields.keys.contains(&sort.field.name);
        sorts.truncate(sorts.iter().rposition(is_key).map_or(0, |last| last + 1));
        Ok(Order(sorts))
    }

    /// The fields, the first deciding first.
    pub fn sorts(&self) -> &[Sort] {
        &self.0
    }

    /// The place of a row.
    pub fn position(&self, row: &impl Lookup) -> Position {
        let value = |sort: &Sort| match row.found(sort.field.name) {
            Found::Text(text) => Some(Scalar::Text(text.into_owned())),
            Found::Integer(number) => Some(Scalar::Integer(number)),
            Found::Boolean(flag) => Some(Scalar::Boolean(flag)),
            Found::Time(at) => Some(Scalar::Time(at)),
            Found::Issue(name) => Some(Scalar::Integer(name.number)),
            Found::Absent | Found::Texts(_) | Found::Object(_) => None,
        };
        Position(self.0.iter().map(value).collect())
    }

    /// A place in this order with those values; none if they do not fit.
    pub fn position_of(&self, values: Vec<Option<Scalar>>) -> Option<Position> {
        let fits = |(sort, value): (&Sort, &Option<Scalar>)| match (sort.field.kind, value) {
            (_, None) => sort.field.is_optional,
            (Kind::Text, Some(Scalar::Text(text))) => !text.contains('\0'),
            (Kind::Integer | Kind::Issue, Some(Scalar::Integer(_)))
            | (Kind::Boolean, Some(Scalar::Boolean(_))) => true,
            (Kind::Time, Some(Scalar::Time(at))) => at.as_second() >= YEAR_0,
            (_, Some(_)) => false,
        };
        let all = values.len() == self.0.len() && self.0.iter().zip(&values).all(fits);
        all.then_some(Position(values))
    }
}

fn read(part: &str, fields: &Fields) -> Result<Sort> {
    let mut words = part.split_whitespace();
    let name = words.next().unwrap_or_default();
    let is_descending = match (words.next(), words.next()) {
        (None | Some("asc"), None) => false,
        (Some("desc"), None) => true,
        (_, _) => {
            let problem = format!("{} is not a field, or a field and desc", quoted(part.trim()));
            return Err(invalid("order_by", problem));
        }
    };
    let field = fields.get(name).filter(|field| field.is_sortable).ok_or_else(|| {
        let known = fields.names(|field| field.is_sortable);
        invalid("order_by", format!("{} is no field to order by; there are {known}", quoted(name)))
    })?;
    Ok(Sort { field, is_descending })
}

/// A place in an order: the values of a row, one for each field of the order.
#[derive(Clone, PartialEq, Debug)]
pub struct Position(Vec<Option<Scalar>>);

impl Position {
    /// The values; none where the row is without the field.
    pub fn values(&self) -> &[Option<Scalar>] {
        &self.0
    }
}
