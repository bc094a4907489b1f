//! How things look to people: lines, tables, times. What others wrote cannot steer the terminal.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};

use prost_types::Timestamp;

use super::json::from_value;
use super::names::short;
use crate::proto;

/// Longer values are cut in lines that summarise.
const VALUE_CHARS_MAX: usize = 60;

/// Text without anything that a terminal obeys.
pub fn plain(text: &str) -> String {
    escaped(text, |_| false)
}

/// As [`plain`], with the lines as they are.
pub fn plain_lines(text: &str) -> String {
    escaped(text, |char| matches!(char, '\n' | '\t'))
}

fn escaped(text: &str, keep: impl Fn(char) -> bool) -> String {
    // Directions of writing are no control characters, and yet change what people read.
    let steers = |char: char| {
        char.is_control() || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut plain = String::with_capacity(text.len());
    for char in text.chars() {
        if steers(char) && !keep(char) {
            plain.extend(char.escape_default());
        } else {
            plain.push(char);
        }
    }
    plain
}

/// A time in UTC, to the millisecond; `-` where there is none.
pub fn time(time: Option<&Timestamp>) -> String {
    let at = time.and_then(|time| jiff::Timestamp::new(time.seconds, time.nanos).ok());
    at.map_or_else(|| "-".into(), |at| at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// An event as one line: when, where in the log, what, to what, by whom, and the change in short.
pub fn event_line(event: &proto::Event) -> String {
    let time = time(event.record_time.as_ref());
    let subject = plain(&short(&event.subject));
    let actor = plain(&short(&event.actor));
    let mut line = format!(
        "{time}  {seq:>5}  {kind:<18}  {subject:<12}  {actor}",
        seq = event.seq,
        kind = plain(&event.r#type),
    );
    let change = change(event);
    if !change.is_empty() {
        // Writing to a string cannot fail.
        let _never_fails = write!(line, "  {change}");
    }
    line
}

/// What changed: `status open -> in_progress`; what was sent, for a message.
fn change(event: &proto::Event) -> String {
    if let Some(payload) = &event.payload {
        let proto::cloudevents::CloudEvent { id, source, r#type, .. } = payload;
        return plain(&format!("{type} {id} from {source}"));
    }
    let (before, after) = (fields(&event.before), fields(&event.after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |name: &&String| {
        let name = name.as_str();
        match (before.get(name), after.get(name)) {
            (None, Some(is)) => format!("{} {}", plain(name), value(is)),
            (was, is) => {
                let shown = |value_or_none: Option<&prost_types::Value>| {
                    value_or_none.map_or_else(|| "none".into(), value)
                };
                format!("{} {} -> {}", plain(name), shown(was), shown(is))
            }
        }
    };
    let mut changes: Vec<String> = names.iter().map(change).collect();
    if let Some(said) = fields(&event.data).get("message") {
        changes.push(format!("saying {}", value(said)));
    }
    changes.join(", ")
}

fn fields(
    of: &Option<prost_types::Struct>,
) -> &std::collections::BTreeMap<String, prost_types::Value> {
    static NONE: std::collections::BTreeMap<String, prost_types::Value> =
        std::collections::BTreeMap::new();
    of.as_ref().map_or(&NONE, |fields| &fields.fields)
}

/// A value in short: words as they are, text in quotes, the rest as JSON.
fn value(of: &prost_types::Value) -> String {
    let json = from_value(of);
    let text = match json.as_str() {
        Some(text) if is_word(text) => text.to_owned(),
        _ if json.is_null() => "none".into(),
        _ => json.to_string(),
    };
    plain(&clipped(&text, VALUE_CHARS_MAX))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_./:".contains(c))
}

/// At most so many characters of a text.
pub fn clipped(text: &str, chars_max: usize) -> String {
    let mut short: String = text.chars().take(chars_max).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Writes rows under a head, in columns as wide as what they hold. The last is not padded.
pub fn table<const N: usize>(
    out: &mut dyn Write,
    head: Option<[&str; N]>,
    rows: &[[String; N]],
) -> io::Result<()> {
    let head = head.map(|head| head.map(str::to_owned));
    let rows: Vec<[String; N]> =
        rows.iter().map(|row| row.each_ref().map(|cell| plain(cell))).collect();
    let widths: Vec<usize> = (0..N)
        .map(|column| {
            let cells = head.iter().chain(&rows).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    for row in head.iter().chain(&rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _never_fails = write!(line, "{cell:<width$}  ");
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Writes what is known of one thing: a name and a value a line, without those that are empty.
pub fn card(out: &mut dyn Write, rows: &[(&str, String)]) -> io::Result<()> {
    let rows = rows.iter().filter(|(_, value)| !value.is_empty() && value != "-");
    let rows: Vec<[String; 2]> =
        rows.map(|(name, value)| [(*name).to_owned(), value.clone()]).collect();
    table(out, None, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::json::parse_struct;

    fn event() -> proto::Event {
        proto::Event {
            seq: 42,
            r#type: "issue.transitioned".into(),
            subject: "projects/abc/issues/12".into(),
            actor: "actors/root".into(),
            record_time: Some(Timestamp { seconds: 1, nanos: 250_999_999 }),
            ..proto::Event::default()
        }
    }

    #[test]
    fn a_change_is_told_in_one_line() {
        let event = proto::Event {
            before: Some(parse_struct(r#"{"status":"open","milestone":"a b"}"#).unwrap()),
            after: Some(parse_struct(r#"{"status":"in_progress","milestone":null}"#).unwrap()),
            data: Some(parse_struct(r#"{"transition":"start","message":"on it"}"#).unwrap()),
            ..event()
        };

        assert_eq!(
            event_line(&event),
            "1970-01-01T00:00:01.250Z     42  issue.transitioned  ABC-12        root  \
             milestone \"a b\" -> none, status open -> in_progress, saying \"on it\""
        );
    }

    #[test]
    fn a_creation_and_a_message_are_told_too() {
        let created = proto::Event {
            after: Some(parse_struct(r#"{"title":"A door","priority":2}"#).unwrap()),
            ..event()
        };
        let payload = proto::cloudevents::CloudEvent {
            id: "7".into(),
            source: "/jira".into(),
            r#type: "moved".into(),
            ..Default::default()
        };
        let received = proto::Event { payload: Some(payload), ..event() };

        assert!(event_line(&created).ends_with("  root  priority 2, title \"A door\""));
        assert!(event_line(&received).ends_with("  root  moved 7 from /jira"));
        assert!(event_line(&event()).ends_with("  root"));
    }

    #[test]
    fn a_line_stays_a_line_whatever_it_tells() {
        let event = proto::Event {
            after: Some(parse_struct(r#"{"title":"a\n\u001b[2J\u202e"}"#).unwrap()),
            subject: "x\ny".into(),
            ..event()
        };
        let line = event_line(&event);
        assert!(!line.contains(['\n', '\u{1b}', '\u{202e}']), "{line}");
        let long = parse_struct(&format!(r#"{{"title":"{}"}}"#, "é".repeat(10_000))).unwrap();
        let event = proto::Event { after: Some(long), ..event };
        assert!(event_line(&event).chars().count() < 200);
    }

    #[test]
    fn columns_are_as_wide_as_what_they_hold() {
        let rows = [["ABC-1".into(), "é".into()], ["A".into(), "open\n".into()]];
        let mut out = Vec::new();

        table(&mut out, Some(["KEY", "STATUS"]), &rows).unwrap();
        card(&mut out, &[("name", "x".into()), ("none", String::new())]).unwrap();

        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, "KEY    STATUS\nABC-1  é\nA      open\\n\nname  x\n");
    }
}
