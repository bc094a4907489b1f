//! Pages of the log for readers that the ring cannot serve.
//!
//! A reader asks for a page and the hub reads it, at most so many at a time. Readers do not read
//! themselves, because a reader is polled by its transport, and a transport whose client has
//! stalled stops polling: a read that has begun would keep its turn and its connection for as long
//! as the client likes. What is read waits for the reader instead, one page each.
//!
//! Equal pages for several readers are read several times: there is no cache.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use super::cursor::Position;
use super::frame::{HIDDEN_BYTES, SEQ_BYTES_MAX, hidden, put_with_seq};
use super::shared::Shared;
use crate::domain::event::Seq;
use crate::domain::reader::{Seen, View};
use crate::store::{Fault, PageRow, Stretch};

/// What a reader asks for.
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
pub(super) type Answer = Result<Page, Trouble>;

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It may work a little later.
    Later,
    /// The database refuses: it is not likely to work later either.
    Defect(anyhow::Error),
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
    /// What it takes in memory, about.
    pub bytes: usize,
    held: Arc<AtomicUsize>,
}

impl Page {
    fn new(rows: Vec<PageRow>, held: &Arc<AtomicUsize>) -> Page {
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
        let bytes = bytes + rows.len() * size_of::<Row>();
        held.fetch_add(bytes, Ordering::Relaxed);
        Page { rows_read: rows.len(), rows, bytes, held: Arc::clone(held) }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The pages that readers wait for, first come first served.
#[derive(Debug, Default)]
pub(super) struct Pages {
    wanted: Mutex<VecDeque<Wanted>>,
    more: Notify,
    held: Arc<AtomicUsize>,
}

impl Pages {
    /// What all pages take in memory that are not yet sent.
    pub fn bytes_held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Asks for a page. A reader asks for one at a time, so the queue is as long as there are
    /// readers; those that went away are forgotten before it grows beyond twice that.
    pub fn ask(&self, wanted: Wanted, readers_max: usize) {
        let mut queue = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() >= readers_max.saturating_mul(2) {
            queue.retain(|wanted| !wanted.reply.is_closed());
        }
        queue.push_back(wanted);
        drop(queue);
        self.more.notify_one();
    }

    fn next(&self) -> Option<Wanted> {
        let mut queue = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(wanted) = queue.pop_front() {
            if !wanted.reply.is_closed() {
                return Some(wanted);
            }
        }
        None
    }
}

/// Reads what is wanted, for ever. The reads are tasks, so that taking their rows apart neither
/// holds up the tail nor waits for it; they end with this future.
pub(super) async fn serve(shared: &Arc<Shared>) {
    let mut reads = JoinSet::new();
    loop {
        while reads.len() < shared.options.catch_up_pages_max.max(1)
            && let Some(wanted) = shared.pages.next()
        {
            reads.spawn(read(Arc::clone(shared), wanted));
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
    let _ = reply.send(answer);
}

async fn page(shared: &Shared, stretch: Stretch, view: &View) -> Answer {
    let rows = shared.ask(shared.log.page(stretch, view)).await;
    let rows = rows.map_err(|fault| {
        shared.complain("cannot read a page of the log, will try again", &fault);
        match fault {
            Fault::Bug(_) => Trouble::Defect(fault.into()),
            Fault::Again(_)
            | Fault::Stale(_)
            | Fault::NoPartition(_)
            | Fault::Lost(_)
            | Fault::Unwritable(_) => Trouble::Later,
        }
    })?;
    // Rows are gone a minute after the log is said to begin behind them, and no sooner. So the
    // beginning that is known after the read tells whether it can have missed any.
    let oldest = shared.oldest().await.map_err(|_| Trouble::Later)?;
    if stretch.after.next() < oldest {
        return Err(Trouble::Expired { oldest });
    }
    if !whole(&rows, stretch, view) {
        shared.doubt();
        return Err(Trouble::Hole);
    }
    Ok(Page::new(rows, &shared.pages.held))
}

/// Whether nothing is missing, as far as it shows.
fn whole(rows: &[PageRow], stretch: Stretch, view: &View) -> bool {
    let Stretch { after, to, limit } = stretch;
    let Some(last) = rows.last() else { return false };
    let ends = last.seq == to || i64::try_from(rows.len()) == Ok(limit);
    ends && (!view.takes_all() || usize::try_from(last.seq.0 - after.0) == Ok(rows.len()))
}
