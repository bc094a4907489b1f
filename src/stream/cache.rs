//! The pages of everything that readers share: what is kept of them, and which are being read.
//!
//! Readers that take most of what happens go through the log page by page, and after a break many
//! of them go through the same pages. Pages are cut at the same places for all of them, each is
//! read once for all who wait for it, and those used last are kept. A log does not change, so what
//! is kept is right for as long as it is the same log.
//!
//! Knows neither locks nor the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::block::Block;
use super::page::{Answer, Found, Trouble};
use crate::domain::event::Seq;

/// How many events a page has, at first and at most; always a power of two. Above that the time of
/// a statement is spent on rows, and readers that begin in the middle have more read in vain.
const EVENTS: i64 = 128;
const EVENTS_MAX: i64 = 2_048;
/// Not even large events make a page smaller.
const EVENTS_MIN: i64 = 8;
/// Events of a page while the memory for pages is used up.
const EVENTS_PRESSED: i64 = 64;
/// A page of more than this makes the next one smaller.
const PAGE_BYTES: usize = 1 << 20;

/// A reader that waits.
#[derive(Debug)]
pub(super) struct Wish {
    /// The place that it goes on after.
    pub after: Seq,
    /// Whom to answer.
    pub reply: oneshot::Sender<Answer>,
}

/// The log as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// The oldest event.
    pub oldest: Seq,
    /// The newest event; it lies behind the place of whoever asks.
    pub head: Seq,
}

/// A page to be read: the events behind one place, up to and including another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub after: Seq,
    pub to: Seq,
    /// Tells it from an equal one that was given up.
    number: u64,
}

/// What becomes of a wish.
#[derive(Debug)]
pub(super) enum Asked {
    /// It can be answered at once.
    Kept(Arc<Block>, Wish),
    /// It waits for a page that somebody else has asked for.
    Joined,
    /// This page has to be read.
    Read(Stretch),
}

#[derive(Debug)]
struct Kept {
    block: Arc<Block>,
    used: u64,
}

#[derive(Debug)]
struct Awaited {
    number: u64,
    wishes: Vec<Wish>,
}

/// The pages that readers share.
#[derive(Debug)]
pub(super) struct Cache {
    bytes_max: usize,
    bytes: usize,
    /// By the place before the first event.
    kept: BTreeMap<Seq, Kept>,
    /// By the places that they lie between.
    awaited: BTreeMap<(Seq, Seq), Awaited>,
    /// Counts on with every use.
    clock: u64,
    events: i64,
}

impl Cache {
    /// Keeps pages of at most so many bytes together.
    pub fn new(bytes_max: usize) -> Cache {
        Cache {
            bytes_max,
            bytes: 0,
            kept: BTreeMap::new(),
            awaited: BTreeMap::new(),
            clock: 0,
            events: EVENTS,
        }
    }

    /// What is kept takes in memory, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Asks for the page that has the event after a place.
    pub fn ask(&mut self, wish: Wish, known: Known, is_pressed: bool) -> Asked {
        self.clock += 1;
        let after = wish.after;
        // What is there already is not read once more in front of what is not.
        let mut there = Seq(known.oldest.0 - 1);
        if let Some((_, kept)) = self.kept.range_mut(..=after).next_back() {
            if kept.block.goes_on_after(after) {
                kept.used = self.clock;
                return Asked::Kept(Arc::clone(&kept.block), wish);
            }
            there = there.max(kept.block.to());
        }
        let nearest = self.awaited.range_mut(..=(after, Seq(i64::MAX))).next_back();
        if let Some((_, awaited)) = nearest.filter(|((_, to), _)| *to > after) {
            if awaited.wishes.len() == awaited.wishes.capacity() {
                awaited.wishes.retain(|wish| !wish.reply.is_closed());
            }
            awaited.wishes.push(wish);
            return Asked::Joined;
        }
        let events = if is_pressed { self.events.min(EVENTS_PRESSED) } else { self.events };
        let start = Seq(after.0 - after.0.rem_euclid(events));
        let (from, to) = (start.max(there).min(after), Seq(start.0 + events).min(known.head));
        let number = self.clock;
        let awaited = self.awaited.entry((from, to));
        let awaited = awaited.or_insert_with(|| Awaited { number, wishes: Vec::new() });
        awaited.wishes.push(wish);
        match awaited.number == number {
            true => Asked::Read(Stretch { after: from, to, number }),
            false => Asked::Joined,
        }
    }

    /// Whether somebody still waits for a page.
    pub fn is_awaited(&self, stretch: Stretch) -> bool {
        let awaited = self.awaited.get(&(stretch.after, stretch.to));
        awaited
            .filter(|awaited| awaited.number == stretch.number)
            .is_some_and(|awaited| awaited.wishes.iter().any(|wish| !wish.reply.is_closed()))
    }

    /// A page was read, or could not be: keeps it, and answers who has waited for it. One that was
    /// given up meanwhile is forgotten.
    pub fn land(&mut self, stretch: Stretch, read: Option<&Arc<Block>>) -> Vec<Wish> {
        let key = (stretch.after, stretch.to);
        if self.awaited.get(&key).is_none_or(|awaited| awaited.number != stretch.number) {
            return Vec::new();
        }
        let wishes = self.awaited.remove(&key).map(|awaited| awaited.wishes);
        if let Some(block) = read {
            self.learn(block);
            self.keep(block);
        }
        wishes.unwrap_or_default()
    }

    /// Fits the next pages to what this one was like.
    fn learn(&mut self, block: &Block) {
        let Ok(events @ 1..) = i64::try_from(block.len()) else { return };
        let fitting = PAGE_BYTES / (block.weight() / block.len()).max(1);
        let fitting = i64::try_from(fitting).unwrap_or(EVENTS_MAX);
        if block.weight() > PAGE_BYTES {
            while self.events > fitting.max(EVENTS_MIN) {
                self.events /= 2;
            }
        } else if events >= self.events && fitting >= 2 * self.events {
            self.events = (2 * self.events).min(EVENTS_MAX);
        }
    }

    fn keep(&mut self, block: &Arc<Block>) {
        if block.weight() > self.bytes_max {
            return;
        }
        let kept = Kept { block: Arc::clone(block), used: self.clock };
        self.bytes += block.weight();
        if let Some(old) = self.kept.insert(block.after(), kept) {
            self.bytes -= old.block.weight();
        }
        while self.bytes > self.bytes_max {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used);
            let Some(after) = oldest.map(|(after, _)| *after) else { break };
            if let Some(old) = self.kept.remove(&after) {
                self.bytes -= old.block.weight();
            }
        }
    }

    /// The log is another one: nothing that was read of it is right, nor what is being read. Who
    /// waits is told that nobody will answer.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.awaited.clear();
        self.bytes = 0;
    }
}

impl Wish {
    /// Answers it with what was read of a log that begins with that event. Whoever asked may be
    /// gone.
    pub fn answer(self, read: &Result<Arc<Block>, Trouble>, oldest: Seq) {
        let answer = match read {
            Ok(block) if block.goes_on_after(self.after) => Ok(Found::Shared(Arc::clone(block))),
            Ok(_) if self.after.next() < oldest => Err(Trouble::Expired { oldest }),
            Ok(_) => Err(Trouble::Hole),
            Err(trouble) => Err(trouble.clone()),
        };
        let _ = self.reply.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::oneshot::Receiver;
    use tokio::sync::oneshot::error::TryRecvError;
    use uuid::Uuid;

    use super::*;
    use crate::domain::audience::Audience;
    use crate::store::RawRow;

    const KNOWN: Known = Known { oldest: Seq(1), head: Seq(1_000_000) };
    /// Of the first pages with such bodies three fit into [`CACHE`].
    const BODY: usize = 4_200;
    const CACHE: usize = 2 << 20;

    fn read(stretch: Stretch, body: usize) -> Arc<Block> {
        let row = |seq| RawRow {
            seq: Seq(seq),
            event_id: Uuid::nil(),
            ends_command: true,
            audience: Audience::everybody(),
            body: vec![0; body],
        };
        let rows = (stretch.after.0 + 1..=stretch.to.0).map(row).collect();
        Arc::new(Block::of(rows, stretch.to, &Arc::<AtomicUsize>::default()).unwrap())
    }

    fn ask(cache: &mut Cache, after: i64, known: Known) -> (Asked, Receiver<Answer>) {
        let (reply, answer) = oneshot::channel();
        (cache.ask(Wish { after: Seq(after), reply }, known, false), answer)
    }

    /// Asks for what must be read, and does not say what was.
    fn miss(cache: &mut Cache, after: i64) -> (Stretch, Receiver<Answer>) {
        let (asked, answer) = ask(cache, after, KNOWN);
        let Asked::Read(stretch) = asked else { panic!("{asked:?}") };
        (stretch, answer)
    }

    /// Asks, and reads if need be: how many events were read.
    fn go(cache: &mut Cache, after: i64, body: usize) -> i64 {
        let (asked, _answer) = ask(cache, after, KNOWN);
        match asked {
            Asked::Read(stretch) => {
                assert_eq!(cache.land(stretch, Some(&read(stretch, body))).len(), 1);
                stretch.to.0 - stretch.after.0
            }
            Asked::Kept(block, _) => {
                assert!(block.goes_on_after(Seq(after)));
                0
            }
            Asked::Joined => panic!("nobody reads"),
        }
    }

    fn between(stretch: Stretch) -> (i64, i64) {
        (stretch.after.0, stretch.to.0)
    }

    #[test]
    fn a_page_is_read_once_for_all_who_wait_for_it() {
        let mut cache = Cache::new(CACHE);
        let (stretch, first) = miss(&mut cache, 5);
        let others: Vec<_> = [5, 0, 127].map(|after| ask(&mut cache, after, KNOWN)).into();

        assert!(others.iter().all(|(asked, _)| matches!(asked, Asked::Joined)));
        let block = read(stretch, BODY);
        let wishes = cache.land(stretch, Some(&block));
        assert_eq!(wishes.len(), 4);
        for wish in wishes {
            wish.answer(&Ok(Arc::clone(&block)), Seq(1));
        }
        for mut answer in others.into_iter().map(|(_, answer)| answer).chain([first]) {
            assert!(matches!(answer.try_recv(), Ok(Ok(Found::Shared(_)))));
        }
        assert_eq!(go(&mut cache, 64, BODY), 0, "it is kept");
    }

    #[test]
    fn pages_are_cut_at_the_same_places_for_everybody() {
        let cut = |after, known| {
            let (asked, _) = ask(&mut Cache::new(CACHE), after, known);
            let Asked::Read(stretch) = asked else { panic!("{asked:?}") };
            between(stretch)
        };

        assert_eq!((cut(300, KNOWN), cut(256, KNOWN)), ((256, 384), (256, 384)));
        assert_eq!(cut(300, Known { oldest: Seq(290), ..KNOWN }), (289, 384));
        assert_eq!(cut(300, Known { head: Seq(310), ..KNOWN }), (256, 310));
        // It has expired, which shows when nothing is found.
        assert_eq!(cut(300, Known { oldest: Seq(320), ..KNOWN }), (300, 384));
    }

    #[test]
    fn a_page_that_ended_with_the_log_is_followed_by_what_has_come_since() {
        let mut cache = Cache::new(CACHE);
        let (asked, _waits) = ask(&mut cache, 0, Known { head: Seq(100), ..KNOWN });
        let Asked::Read(stretch) = asked else { panic!("{asked:?}") };

        let (next, _waits_too) = miss(&mut cache, 100);
        assert_eq!(between(next), (0, 128), "nothing is there yet");
        cache.land(next, None);
        cache.land(stretch, Some(&read(stretch, BODY)));

        assert_eq!(between(miss(&mut cache, 100).0), (100, 128));
    }

    #[test]
    fn those_used_last_are_kept_and_no_more_than_fit() {
        let mut cache = Cache::new(CACHE);
        for after in [0, 128, 256, 0, 384] {
            go(&mut cache, after, BODY);
            assert!(cache.bytes() <= CACHE);
        }

        assert_eq!([0, 256, 384].map(|after| go(&mut cache, after, BODY)), [0, 0, 0]);
        assert_eq!(go(&mut cache, 128, BODY), 128, "it was not used for the longest time");
    }

    #[test]
    fn pages_grow_with_small_events_and_shrink_with_large_ones() {
        let mut cache = Cache::new(CACHE);
        let mut after = 0;
        let mut sizes = Vec::new();
        for body in [10, 10, 10, 10, 10, 10, 100_000, 100_000] {
            let events = go(&mut cache, after, body);
            sizes.push(events);
            after += events;
        }

        // What was read is never read again to begin where a larger page would.
        assert_eq!(sizes, [128, 128, 256, 512, 1_024, 2_048, 2_048, 8]);
    }

    #[test]
    fn a_page_that_is_larger_than_all_is_not_kept() {
        let mut cache = Cache::new(CACHE);

        go(&mut cache, 0, 100_000);

        assert_eq!(cache.bytes(), 0);
        assert_eq!(go(&mut cache, 0, 100), 8);
    }

    #[test]
    fn pages_are_small_while_memory_is_short() {
        let mut cache = Cache::new(CACHE);
        let (reply, _answer) = oneshot::channel();

        let asked = cache.ask(Wish { after: Seq(100), reply }, KNOWN, true);

        assert!(matches!(asked, Asked::Read(Stretch { after: Seq(64), to: Seq(128), .. })));
    }

    #[test]
    fn a_failure_is_told_to_all_and_kept_by_nobody() {
        let mut cache = Cache::new(CACHE);
        let (stretch, mut first) = miss(&mut cache, 5);
        let (_, mut second) = ask(&mut cache, 7, KNOWN);

        for wish in cache.land(stretch, None) {
            wish.answer(&Err(Trouble::Later), Seq(1));
        }

        for answer in [&mut first, &mut second] {
            assert!(matches!(answer.try_recv(), Ok(Err(Trouble::Later))));
        }
        assert_eq!(go(&mut cache, 5, BODY), 128, "it is read again");
    }

    #[test]
    fn of_another_log_nothing_is_kept_nor_waited_for() {
        let mut cache = Cache::new(CACHE);
        go(&mut cache, 0, BODY);
        let (old, mut abandoned) = miss(&mut cache, 128);

        cache.clear();
        let (new, mut answer) = miss(&mut cache, 128);
        let wishes = cache.land(old, Some(&read(old, BODY)));

        assert!(matches!(abandoned.try_recv(), Err(TryRecvError::Closed)));
        assert_eq!((between(old), wishes.len(), cache.bytes()), (between(new), 0, 0));
        assert!(matches!(answer.try_recv(), Err(TryRecvError::Empty)), "it is still waited for");
        assert_eq!(go(&mut cache, 0, BODY), 128);
    }

    #[test]
    fn who_has_gone_is_not_read_for() {
        let mut cache = Cache::new(CACHE);
        let (stretch, answer) = miss(&mut cache, 5);
        assert!(cache.is_awaited(stretch));

        drop(answer);

        assert!(!cache.is_awaited(stretch));
    }

    #[test]
    fn who_asks_for_what_lies_before_a_gap_is_told_why() {
        let whole = Stretch { after: Seq(0), to: Seq(128), number: 1 };
        let block = read(Stretch { after: Seq(100), ..whole }, BODY);
        let told = |after, oldest| {
            let (reply, mut answer) = oneshot::channel();
            Wish { after: Seq(after), reply }.answer(&Ok(Arc::clone(&block)), Seq(oldest));
            answer.try_recv().unwrap()
        };

        assert!(matches!(told(100, 101), Ok(Found::Shared(_))));
        assert!(matches!(told(99, 101), Err(Trouble::Expired { oldest: Seq(101) })));
        assert!(matches!(told(99, 50), Err(Trouble::Hole)));
    }
}
