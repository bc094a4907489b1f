//! A filter as a condition.
//!
//! A test is true, false or, where something is absent, null. Negations are pushed down to the
//! tests, and `is not true` makes a truth value of one that is negated; of the others null counts
//! as false, in `and`, in `or` and at the end. So an index can serve each test that is not negated.

use super::{Columns, Piece, Statement, Stored, stored};
use crate::domain::query::{Check, Compare, Filter, Kind, Scalar, Test};

impl<Row> Statement<Row> {
    /// Adds a condition: the filter takes the row.
    pub fn filter(&mut self, columns: Columns, filter: &Filter) -> &mut Statement<Row> {
        self.tests += filter.tests();
        self.condition(columns, filter, false)
    }

    fn condition(
        &mut self,
        columns: Columns,
        filter: &Filter,
        is_negated: bool,
    ) -> &mut Statement<Row> {
        match filter {
            Filter::And(parts) => self.joined(columns, parts, !is_negated, is_negated),
            Filter::Or(parts) => self.joined(columns, parts, is_negated, is_negated),
            Filter::Not(part) => self.condition(columns, part, !is_negated),
            Filter::Test(test) if is_negated => {
                self.sql("((").test(columns, test).sql(") is not true)")
            }
            Filter::Test(test) => self.sql("(").test(columns, test).sql(")"),
        }
    }

    /// All of the parts, or any of them.
    fn joined(
        &mut self,
        columns: Columns,
        parts: &[Filter],
        is_and: bool,
        is_negated: bool,
    ) -> &mut Statement<Row> {
        let Some((first, others)) = parts.split_first() else {
            return self.sql(if is_and { "true" } else { "false" });
        };
        self.sql("(").condition(columns, first, is_negated);
        for part in others {
            self.sql(if is_and { " and " } else { " or " }).condition(columns, part, is_negated);
        }
        self.sql(")")
    }

    fn test(&mut self, columns: Columns, test: &Test) -> &mut Statement<Row> {
        let Test { field, keys, check } = test;
        match stored(columns, field) {
            Stored::Words(words) => self.test_of_words(words, check),
            Stored::Issue(project, number) => self.test_of_issue(project, number, check),
            Stored::As(sql) if keys.is_empty() => self.test_of_field(sql, field.kind, check),
            Stored::As(sql) => self.test_inside(Inside { sql, keys }, check),
        }
    }

    fn test_of_words(
        &mut self,
        words: &[(&str, &'static str)],
        check: &Check,
    ) -> &mut Statement<Row> {
        let asked = match check {
            Check::Absent => Some(""),
            Check::Is(Compare::Equal, Scalar::Text(word)) => Some(word.as_str()),
            Check::Is(..) | Check::Begins(_) | Check::Contains(_) | Check::Has(_) => None,
        };
        let condition = words.iter().find(|(word, _)| asked == Some(*word));
        self.sql(condition.map_or("false", |(_, condition)| condition))
    }

    fn test_of_field(&mut self, sql: &str, kind: Kind, check: &Check) -> &mut Statement<Row> {
        match check {
            Check::Absent if kind == Kind::TextList => {
                self.sql("cardinality(").sql(sql).sql(") = 0")
            }
            Check::Absent => self.sql(sql).sql(" is null"),
            // Equality needs no collation, and with one no index would serve it.
            Check::Is(Compare::Equal, value) => self.sql(sql).sql(" = ").scalar(value),
            Check::Is(compare, value) => {
                self.sql(sql).sql(collation(value)).sql(sign(*compare)).scalar(value)
            }
            Check::Begins(start) => {
                self.sql("starts_with(").sql(sql).sql(", ").text(start).sql(")")
            }
            Check::Contains(part) => {
                // By this collation `lower` knows A to Z, on every machine.
                let lower = self.sql("strpos(lower(").sql(sql).sql(" collate \"C\"), ");
                lower.text(part).sql(") > 0")
            }
            Check::Has(value) => self.sql(sql).sql(" @> ").piece(Piece::Texts(texts(value))),
        }
    }

    fn test_of_issue(&mut self, project: &str, number: &str, check: &Check) -> &mut Statement<Row> {
        match check {
            Check::Is(Compare::Equal, issue) => {
                let row = self.sql("(").sql(project).sql(", ").sql(number);
                row.sql(") = ").scalar(issue)
            }
            Check::Absent => self.sql(number).sql(" is null"),
            Check::Is(..) | Check::Begins(_) | Check::Contains(_) | Check::Has(_) => {
                self.sql("false")
            }
        }
    }

    fn test_inside(&mut self, inside: Inside<'_>, check: &Check) -> &mut Statement<Row> {
        match check {
            Check::Absent => self.inside_as_text(inside).sql(" is null"),
            // An index serves this, and it takes what is equal in type and value alone.
            Check::Is(Compare::Equal, value) => self.contains(inside, &json(value)),
            Check::Has(value) => self.contains(inside, &format!("[{}]", json(value))),
            Check::Is(compare, number @ Scalar::Number(_)) => {
                // Nothing but `case` keeps the cast from what is no number.
                self.sql("case when ").is_of_type(inside, "number").sql(" then ");
                self.inside_as_text(inside).sql("::numeric").sql(sign(*compare));
                self.scalar(number).sql(" end")
            }
            Check::Is(compare, value) => {
                self.is_of_type(inside, "string").sql(" and ").inside_as_text(inside);
                self.sql(collation(value)).sql(sign(*compare)).scalar(value)
            }
            Check::Begins(start) => {
                self.is_of_type(inside, "string").sql(" and starts_with(");
                self.inside_as_text(inside).sql(", ").text(start).sql(")")
            }
            // Of texts inside an object no part is looked for.
            Check::Contains(_) => self.sql("false"),
        }
    }

    fn contains(&mut self, inside: Inside<'_>, value: &str) -> &mut Statement<Row> {
        let opened = inside.keys.iter().map(|key| format!("{{{}:", json_text(key)));
        let object = opened.collect::<String>() + value + &"}".repeat(inside.keys.len());
        self.sql(inside.sql).sql(" @> ").text(&object).sql("::jsonb")
    }

    fn is_of_type(&mut self, inside: Inside<'_>, kind: &str) -> &mut Statement<Row> {
        self.sql("jsonb_typeof(").sql(inside.sql);
        for key in inside.keys {
            self.sql(" -> ").text(key);
        }
        self.sql(") = '").sql(kind).sql("'")
    }

    /// With a text on its right `->` goes through objects and not into lists.
    fn inside_as_text(&mut self, inside: Inside<'_>) -> &mut Statement<Row> {
        self.sql("(").sql(inside.sql);
        for (n, key) in inside.keys.iter().enumerate() {
            let is_last = n + 1 == inside.keys.len();
            self.sql(if is_last { " ->> " } else { " -> " }).text(key);
        }
        self.sql(")")
    }
}

/// A value inside an open object.
#[derive(Clone, Copy)]
struct Inside<'a> {
    sql: &'a str,
    keys: &'a [String],
}

/// Texts go by their bytes, whatever the database was told.
pub(super) fn collation(value: &Scalar) -> &'static str {
    match value {
        Scalar::Text(_) => " collate \"C\"",
        Scalar::Integer(_)
        | Scalar::Number(_)
        | Scalar::Time(_)
        | Scalar::Boolean(_)
        | Scalar::Issue(_) => "",
    }
}

fn sign(compare: Compare) -> &'static str {
    match compare {
        Compare::Equal => " = ",
        Compare::Less => " < ",
        Compare::LessOrEqual => " <= ",
        Compare::Greater => " > ",
        Compare::GreaterOrEqual => " >= ",
    }
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn json(value: &Scalar) -> String {
    match value {
        Scalar::Text(text) => json_text(text),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Boolean(flag) => flag.to_string(),
        Scalar::Time(at) => json_text(&at.to_string()),
        Scalar::Issue(name) => json_text(&name.to_string()),
    }
}

fn texts(value: &Scalar) -> Vec<String> {
    match value {
        Scalar::Text(text) => vec![text.clone()],
        Scalar::Integer(_)
        | Scalar::Number(_)
        | Scalar::Time(_)
        | Scalar::Boolean(_)
        | Scalar::Issue(_) => Vec::new(),
    }
}
