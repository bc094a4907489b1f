//! A page of everything, which several readers share: each takes of it what it may see.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};

use super::cursor::Position;
use super::frame::{SEQ_BYTES_MAX, facts, put_with_seq, shown};
use super::page::Row;
use crate::domain::audience::Audience;
use crate::domain::event::Seq;
use crate::domain::reader::{Seen, View};
use crate::store::RawRow;

#[derive(Debug)]
struct Entry {
    position: Position,
    ends_command: bool,
    audience: Audience,
    bytes: Bytes,
}

/// Events between two places, without a gap. What they take in memory is counted for as long as
/// somebody holds them.
#[derive(Debug)]
pub(super) struct Block {
    after: Seq,
    entries: Vec<Entry>,
    weight: usize,
    held: Arc<AtomicUsize>,
}

impl Block {
    /// The block that ends with a place, as far as the rows before it have no gap; none if there is
    /// no row of that place.
    pub fn of(rows: Vec<RawRow>, to: Seq, held: &Arc<AtomicUsize>) -> Option<Block> {
        let from_the_end = rows.iter().rev().zip(0..);
        let dense = from_the_end.take_while(|(row, back)| row.seq.0 + back == to.0).count();
        let after = Seq(to.0 - i64::try_from(dense).ok().filter(|dense| *dense > 0)?);
        let rows = rows.into_iter().filter(|row| row.seq > after).collect::<Vec<_>>();
        let bytes: usize = rows.iter().map(|row| row.body.len() + SEQ_BYTES_MAX).sum();
        // One allocation for all bodies: they come and go together.
        let mut buffer = BytesMut::with_capacity(bytes);
        let mut texts = 0;
        let entries: Vec<Entry> = rows
            .into_iter()
            .map(|RawRow { seq, event_id, ends_command, audience, body }| {
                put_with_seq(seq, &body, &mut buffer);
                texts += audience.weight();
                let position = Position::after(seq, event_id);
                Entry { position, ends_command, audience, bytes: buffer.split().freeze() }
            })
            .collect();
        let weight = bytes + texts + entries.len() * size_of::<Entry>();
        held.fetch_add(weight, Ordering::Relaxed);
        Some(Block { after, entries, weight, held: Arc::clone(held) })
    }

    /// The place before its first event.
    pub fn after(&self) -> Seq {
        self.after
    }

    /// The place of its last event.
    pub fn to(&self) -> Seq {
        self.entries.last().map_or(self.after, |entry| entry.position.seq)
    }

    /// How many events it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// What it takes in memory, about.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Whether it has the event after a place.
    pub fn goes_on_after(&self, place: Seq) -> bool {
        self.index(place).is_some_and(|index| index < self.entries.len())
    }

    fn index(&self, place: Seq) -> Option<usize> {
        usize::try_from(place.0 - self.after.0).ok()
    }

    /// What a reader makes of at most so many events after a place; none if it has to look into
    /// one that cannot be read: nobody knows who is to see that.
    pub fn rows(&self, after: Seq, rows_max: usize, view: &View) -> Option<VecDeque<Row>> {
        let takes_all = view.takes_all();
        let index = self.index(after).unwrap_or(usize::MAX);
        let row = |entry: &Entry| {
            let Entry { position, ends_command, audience, bytes } = entry;
            let seen = match takes_all {
                true => Seen::Whole,
                false => view.sees(facts(bytes)?, audience),
            };
            let taken = shown(seen, bytes);
            Some(Row { position: *position, ends_command: *ends_command, taken })
        };
        self.entries.iter().skip(index).take(rows_max).map(row).collect()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.held.fetch_sub(self.weight, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::event::EventClass;
    use crate::domain::filter::EventFilter;

    fn row(seq: i64) -> RawRow {
        let (event_id, audience) = (Uuid::nil(), Audience::everybody());
        RawRow { seq: Seq(seq), event_id, ends_command: true, audience, body: vec![0; 100] }
    }

    fn block(seqs: &[i64], to: i64) -> Option<Block> {
        Block::of(seqs.iter().copied().map(row).collect(), Seq(to), &Arc::default())
    }

    fn seqs(block: &Block, after: i64, rows_max: usize) -> Vec<i64> {
        let all = View::of_everything();
        let rows = block.rows(Seq(after), rows_max, &all).unwrap().into_iter();
        rows.inspect(|row| assert!(row.taken.is_some())).map(|row| row.position.seq.0).collect()
    }

    #[test]
    fn a_block_begins_behind_the_last_gap_and_ends_where_it_was_to_end() {
        assert_eq!(block(&[3, 4, 5], 5).unwrap().after(), Seq(2));
        assert_eq!(block(&[1, 2, 4, 5], 5).unwrap().after(), Seq(3));
        assert!(block(&[3, 4], 5).is_none());
        assert!(block(&[], 5).is_none());
    }

    #[test]
    fn readers_take_up_anywhere_in_a_block() {
        let block = block(&[3, 4, 5], 5).unwrap();

        assert_eq!(seqs(&block, 2, 9), [3, 4, 5]);
        assert_eq!(seqs(&block, 3, 1), [4]);
        for (place, goes_on) in [(1, false), (2, true), (4, true), (5, false)] {
            assert_eq!(block.goes_on_after(Seq(place)), goes_on, "{place}");
        }
    }

    #[test]
    fn an_event_that_cannot_be_read_is_left_out_for_nobody() {
        let block = block(&[3, 4, 5], 5).unwrap();
        let classes = Some([EventClass::System].into());
        let filter = EventFilter { classes, ..EventFilter::default() };

        let rows = block.rows(Seq(2), 9, &View { filter, ..View::of_everything() });

        assert!(rows.is_none());
        assert_eq!(seqs(&block, 2, 9), [3, 4, 5], "who takes all looks into none");
    }

    #[test]
    fn memory_is_counted_while_somebody_holds_it() {
        let held = Arc::default();
        let block = Block::of(vec![row(1), row(2)], Seq(2), &held).unwrap();

        assert!(block.weight() > 200);
        assert_eq!(held.load(Ordering::Relaxed), block.weight());
        drop(block);
        assert_eq!(held.load(Ordering::Relaxed), 0);
    }
}
