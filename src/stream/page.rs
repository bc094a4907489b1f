//! Pages of the log for readers that the ring cannot serve.
//!
//! A reader asks for a page and the hub reads it, at most so many at a time. Readers do not read
//! themselves, because a reader is polled by its transport, and a transport whose client has
//! stalled stops polling: a read that has begun would keep its turn and its connection for as long
//! as the client likes. What is read waits for the reader instead, one page each.
//!
//! Readers that take little have the database filter, each for itself. Those that take most of what
//! there is share pages of everything, and filter themselves.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use super::block::Block;
use super::cache::{self, Asked, Cache, Known, Wish};
use super::cursor::Position;
use super::frame::{HIDDEN_BYTES, SEQ_BYTES_MAX, hidden, put_with_seq};
use super::shared::Shared;
use crate::domain::event::Seq;
use crate::domain::reader::{Seen, View};
use crate::store::{Fault, PageRow, Stretch};

/// What is to be read.
#[derive(Debug)]
enum Task {
    /// For one reader.
    Own(Wanted),
    /// For all who wait for it.
    Shared(cache::Stretch),
}

/// What a reader asks for that filters in the database.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Which places to scan.
    pub stretch: Stretch,
    /// What to take.
    pub view: Arc<View>,
    /// Whom to answer.
    pub reply: oneshot::Sender<Answer>,
}

/// What becomes of a wish.
pub(super) type Answer = Result<Found, Trouble>;

/// What a reader is given.
#[derive(Debug)]
pub(super) enum Found {
    /// What it takes.
    Own(Page),
    /// Everything, to take from what it may see.
    Shared(Arc<Block>),
}

/// Why there is no page.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// It may work a little later.
    Later,
    /// The database refuses: it is not likely to work later either.
    Defect(String),
    /// Rows are missing.
    Hole,
    /// The log begins later.
    Expired { oldest: Seq },
}

/// A row on its way to a reader.
#[derive(Debug)]
pub(super) struct Row {
    /// The place after it.
    pub position: Position,
    /// Whether it is the last event of its command.
    pub ends_command: bool,
    /// Its bytes, if the reader sees it.
    pub taken: Option<Bytes>,
}

/// A page in memory. The position of its last row is how far was scanned.
#[derive(Debug)]
pub(super) struct Page {
    /// What is left of it, in order.
    pub rows: VecDeque<Row>,
    /// How many rows it had.
    pub rows_read: usize,
    /// How many of them the reader sees.
    pub rows_taken: usize,
    /// What it takes in memory, about.
    pub bytes: usize,
    held: Arc<AtomicUsize>,
    /// What it was taken from, counted for as long as it is needed.
    _block: Option<Arc<Block>>,
}

impl Page {
    fn own(rows: Vec<PageRow>, held: &Arc<AtomicUsize>) -> Page {
        let taken = rows.iter().filter(|row| row.seen != Seen::No);
        let bytes = taken.map(|row| row.body.len() + SEQ_BYTES_MAX + HIDDEN_BYTES).sum();
        // One allocation for all bodies: a page is served as a whole, soon and to one reader.
        let mut buffer = BytesMut::with_capacity(bytes);
        let mut put = |seq, body: &[u8]| {
            put_with_seq(seq, body, &mut buffer);
            buffer.split().freeze()
        };
        let rows: VecDeque<Row> = rows
            .into_iter()
            .map(|row| Row {
                position: Position::after(row.seq, row.event_id),
                ends_command: row.ends_command,
                taken: match row.seen {
                    Seen::No => None,
                    Seen::Hidden => Some(put(row.seq, &hidden(&row.body))),
                    Seen::Whole => Some(put(row.seq, &row.body)),
                },
            })
            .collect();
        Page::of(rows, bytes, held, None)
    }

    fn of(
        rows: VecDeque<Row>,
        bytes: usize,
        held: &Arc<AtomicUsize>,
        block: Option<Arc<Block>>,
    ) -> Page {
        let rows_taken = rows.iter().filter(|row| row.taken.is_some()).count();
        let (rows_read, bytes) = (rows.len(), bytes + rows.len() * size_of::<Row>());
        held.fetch_add(bytes, Ordering::Relaxed);
        let held = Arc::clone(held);
        Page { rows, rows_read, rows_taken, bytes, held, _block: block }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The pages that readers wait for, first come first served, and those that are kept.
#[derive(Debug)]
pub(super) struct Pages {
    desk: Mutex<Desk>,
    more: Notify,
    /// What all pages take in memory, and the blocks.
    held: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Desk {
    tasks: VecDeque<Task>,
    cache: Cache,
}

impl Desk {
    /// A task, unless all who have asked for it are gone.
    fn if_wanted(&mut self, task: Task) -> Option<Task> {
        match task {
            Task::Own(wanted) => (!wanted.reply.is_closed()).then_some(Task::Own(wanted)),
            Task::Shared(stretch) if self.cache.is_awaited(stretch) => Some(task),
            Task::Shared(stretch) => {
                // Whoever asks for it next has it read.
                self.cache.land(stretch, None);
                None
            }
        }
    }

    fn forget_unwanted(&mut self) {
        let tasks = std::mem::take(&mut self.tasks);
        self.tasks = tasks.into_iter().filter_map(|task| self.if_wanted(task)).collect();
    }
}

impl Pages {
    /// None yet; those that are kept take at most so many bytes.
    pub fn new(cache_bytes_max: usize) -> Pages {
        let desk = Desk { tasks: VecDeque::new(), cache: Cache::new(cache_bytes_max) };
        Pages { desk: Mutex::new(desk), more: Notify::new(), held: Arc::default() }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // Nothing that can panic is done under the lock.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept takes in memory.
    pub fn bytes_kept(&self) -> usize {
        self.desk().cache.bytes()
    }

    /// What all else takes in memory that is not yet sent.
    pub fn bytes_held(&self) -> usize {
        let kept = self.bytes_kept();
        self.held.load(Ordering::Relaxed).saturating_sub(kept)
    }

    /// Asks for a page that the database filters. A reader asks for one page at a time, so the
    /// queue is as long as there are readers; those that went away are forgotten before it grows
    /// beyond twice that.
    pub fn ask(&self, wanted: Wanted, readers_max: usize) {
        self.put(self.desk(), Task::Own(wanted), readers_max);
    }

    fn put(&self, mut desk: MutexGuard<'_, Desk>, task: Task, readers_max: usize) {
        if desk.tasks.len() >= readers_max.saturating_mul(2) {
            desk.forget_unwanted();
        }
        desk.tasks.push_back(task);
        drop(desk);
        self.more.notify_one();
    }

    fn next(&self) -> Option<Task> {
        let mut desk = self.desk();
        while let Some(task) = desk.tasks.pop_front() {
            if let Some(task) = desk.if_wanted(task) {
                return Some(task);
            }
        }
        None
    }

    /// What a reader makes of at most so many events of a block after its place.
    pub fn take(
        &self,
        block: Arc<Block>,
        after: Seq,
        rows_max: usize,
        view: &View,
    ) -> Result<Page, Trouble> {
        let rows = block.rows(after, rows_max, view);
        let rows = rows.ok_or_else(|| Trouble::Defect("an event cannot be read".into()))?;
        Ok(Page::of(rows, 0, &self.held, Some(block)))
    }

    /// The log is another one.
    pub fn forget(&self) {
        self.desk().cache.clear();
    }
}

/// Asks for the page of everything that goes on after a place: one that is kept, or one that is
/// read for somebody else, or else a new one.
pub(super) fn ask_shared(
    shared: &Shared,
    after: Seq,
    is_pressed: bool,
) -> oneshot::Receiver<Answer> {
    let known = {
        let newest = shared.read();
        Known { oldest: newest.oldest, head: newest.ring.head().seq }
    };
    let (reply, answer) = oneshot::channel();
    let (pages, counters) = (&shared.pages, &shared.counters);
    let mut desk = pages.desk();
    match desk.cache.ask(Wish { after, reply }, known, is_pressed) {
        Asked::Kept(block, wish) => {
            drop(desk);
            counters.page_hits.fetch_add(1, Ordering::Relaxed);
            wish.answer(&Ok(block), known.oldest);
        }
        Asked::Joined => {
            counters.page_hits.fetch_add(1, Ordering::Relaxed);
        }
        Asked::Read(stretch) => {
            counters.page_misses.fetch_add(1, Ordering::Relaxed);
            pages.put(desk, Task::Shared(stretch), shared.options.subscriptions_max);
        }
    }
    answer
}

/// Reads what is wanted, for ever. The reads are tasks, so that taking their rows apart neither
/// holds up the tail nor waits for it; they end with this future.
pub(super) async fn serve(shared: &Arc<Shared>) {
    let mut reads = JoinSet::new();
    loop {
        while reads.len() < shared.options.catch_up_pages_max.max(1)
            && let Some(task) = shared.pages.next()
        {
            let shared = Arc::clone(shared);
            match task {
                Task::Own(wanted) => reads.spawn(read(shared, wanted)),
                Task::Shared(stretch) => {
                    let landing = Landing { shared, stretch };
                    reads.spawn(landing.read())
                }
            };
        }
        tokio::select! {
            Some(done) = reads.join_next() => if let Err(error) = done {
                tracing::error!(%error, "reading a page of the log failed");
            },
            () = shared.pages.more.notified() => (),
        }
    }
}

/// Reads to the end even if the reader goes away meanwhile: a read that is dropped half-way costs
/// its connection.
async fn read(shared: Arc<Shared>, wanted: Wanted) {
    let Wanted { stretch, view, reply } = wanted;
    shared.counters.page_reads.fetch_add(1, Ordering::Relaxed);
    let answer = page(&shared, stretch, &view).await;
    // The reader may be gone.
    let _ = reply.send(answer.map(Found::Own));
}

async fn page(shared: &Shared, stretch: Stretch, view: &View) -> Result<Page, Trouble> {
    let rows = shared.ask(shared.log.page(stretch, view)).await;
    let rows = rows.map_err(|fault| unread(shared, fault))?;
    // Rows are gone a minute after the log is said to begin behind them, and no sooner. So the
    // beginning that is known after the read tells whether it can have missed any.
    let oldest = shared.oldest().await.map_err(|_| Trouble::Later)?;
    if stretch.after.next() < oldest {
        return Err(Trouble::Expired { oldest });
    }
    let is_whole = rows.last().is_some_and(|last| {
        last.seq == stretch.to || i64::try_from(rows.len()) == Ok(stretch.limit)
    });
    if !is_whole {
        shared.doubt();
        return Err(Trouble::Hole);
    }
    Ok(Page::own(rows, &shared.pages.held))
}

fn unread(shared: &Shared, fault: Fault) -> Trouble {
    shared.complain("cannot read a page of the log, will try again", &fault);
    match fault {
        Fault::Bug(_) => Trouble::Defect(format!("{:#}", anyhow::Error::from(fault))),
        Fault::Again(_)
        | Fault::Stale(_)
        | Fault::NoPartition(_)
        | Fault::Lost(_)
        | Fault::Unwritable(_) => Trouble::Later,
    }
}

/// A page of everything that is being read. Whatever becomes of the read, even if it panics, nobody
/// waits for it afterwards.
struct Landing {
    shared: Arc<Shared>,
    stretch: cache::Stretch,
}

impl Landing {
    async fn read(self) {
        self.shared.counters.page_reads.fetch_add(1, Ordering::Relaxed);
        let (read, oldest) = match self.block().await {
            Ok((block, oldest)) => (Ok(Arc::new(block)), oldest),
            Err(trouble) => (Err(trouble), Seq(0)),
        };
        let wishes = self.shared.pages.desk().cache.land(self.stretch, read.as_ref().ok());
        for wish in wishes {
            wish.answer(&read, oldest);
        }
    }

    /// What was read, and the beginning of the log after that, as for pages that are filtered.
    async fn block(&self) -> Result<(Block, Seq), Trouble> {
        let Landing { shared, stretch } = self;
        let rows = shared.ask(shared.log.raw(stretch.after, stretch.to)).await;
        let rows = rows.map_err(|fault| unread(shared, fault))?;
        let oldest = shared.oldest().await.map_err(|_| Trouble::Later)?;
        let block = Block::of(rows, stretch.to, &shared.pages.held);
        let begins = block.as_ref().map_or(stretch.to.next(), |block| block.after().next());
        if begins > oldest.max(stretch.after.next()) {
            shared.doubt();
        }
        match block {
            Some(block) => Ok((block, oldest)),
            None if stretch.to < oldest => Err(Trouble::Expired { oldest }),
            None => Err(Trouble::Hole),
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.shared.pages.desk().cache.land(self.stretch, None);
    }
}
