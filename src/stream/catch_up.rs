//! A reader that is behind the ring: which pages it asks for, and what it makes of the answers.
//!
//! One page is read while the one before it is sent.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::time::Instant;

use super::open::expired;
use super::page::{Answer, Found, Page, Row, Trouble, Wanted, ask_shared};
use super::shared::Shared;
use crate::domain::error::Error;
use crate::domain::event::Seq;
use crate::domain::reader::View;
use crate::store::Stretch;

/// How many places a filtered page scans, at first and at most. More finds rare events with fewer
/// statements, but each of them keeps a connection for longer.
const WINDOW: i64 = 1_000;
const WINDOW_MAX: i64 = 100_000;
/// A reader that takes one event of two, or more, shares pages of everything, until it takes less
/// than one of four. More of the log passes through memory then, and less often.
const WIDE_FROM: usize = 2;
const NARROW_BELOW: usize = 4;
/// Rows of a filtered page, at first and at most.
const ROWS: usize = 500;
/// Rows of a page while the memory for pages is used up.
const ROWS_PRESSED: usize = 100;
/// Not even large events make a page smaller.
const ROWS_MIN: usize = 16;
/// A page of more than this asks for fewer rows the next time.
const PAGE_BYTES: usize = 1 << 20;
/// A refusal or a hole so often in a row is not a fault that passes.
const DEFECTS_MAX: u32 = 5;

/// What comes next.
#[derive(Debug)]
pub(super) enum Turn {
    /// Rows are there.
    Rows,
    /// Nothing before the answer, the bell, or that time.
    Wait(Option<Instant>),
    /// The subscription cannot go on.
    Fail(Error),
}

/// The state of a reader that reads pages.
#[derive(Debug)]
pub(super) struct CatchUp {
    page: Option<Page>,
    asked: Option<oneshot::Receiver<Answer>>,
    asked_rows: usize,
    /// Where the page was asked for that is read.
    asked_after: Seq,
    /// Whether the reader takes so much that pages of everything serve it best.
    is_wide: bool,
    answered: Option<Answer>,
    window: i64,
    rows: usize,
    retry_at: Option<Instant>,
    defects: u32,
}

impl CatchUp {
    /// Whoever asks for everything is taken to see most of it, until the first page tells.
    pub fn new(view: &View) -> CatchUp {
        CatchUp {
            page: None,
            asked: None,
            asked_rows: 0,
            asked_after: Seq(0),
            is_wide: view.filter.takes_all(),
            answered: None,
            window: WINDOW,
            rows: ROWS,
            retry_at: None,
            defects: 0,
        }
    }

    /// The next row, if one is there.
    pub fn peek(&self) -> Option<&Row> {
        self.page.as_ref()?.rows.front()
    }

    /// Takes the next row.
    pub fn pop(&mut self) -> Option<Row> {
        self.page.as_mut()?.rows.pop_front()
    }

    /// Waits for the answer. Dropped and called again it loses nothing.
    pub async fn answer(&mut self) {
        match self.asked.as_mut() {
            Some(asked) if self.answered.is_none() => {
                let answer = asked.await.unwrap_or(Err(Trouble::Later));
                (self.answered, self.asked) = (Some(answer), None);
            }
            _ => std::future::pending().await,
        }
    }

    /// Goes on after the last row: `at` is the place of the reader.
    pub fn turn(&mut self, shared: &Shared, view: &Arc<View>, at: Seq) -> Turn {
        self.page = None;
        let now = Instant::now();
        if self.retry_at.is_some_and(|retry_at| now < retry_at) {
            return Turn::Wait(self.retry_at);
        }
        self.retry_at = None;
        let Some(answer) = self.look() else {
            if self.asked.is_none() && at < shared.head() {
                self.ask(shared, view, at);
            }
            return Turn::Wait(None);
        };
        let trouble = match answer.and_then(|found| self.take(shared, view, found)) {
            Ok(page) => {
                self.ask_ahead(shared, view, &page);
                self.page = Some(page);
                return Turn::Rows;
            }
            Err(trouble) => trouble,
        };
        let hopeless = self.defects + 1 >= DEFECTS_MAX;
        match trouble {
            Trouble::Expired { oldest } => {
                return Turn::Fail(expired(oldest, shared.head().max(at)));
            }
            Trouble::Defect(cause) if hopeless => {
                return Turn::Fail(Error::Internal(anyhow::anyhow!(cause)));
            }
            Trouble::Hole if hopeless => {
                shared.count_hole(at);
                return Turn::Fail(Error::Internal(anyhow::anyhow!("the log is not dense")));
            }
            Trouble::Defect(_) | Trouble::Hole => self.defects += 1,
            Trouble::Later => (),
        }
        // Whatever it was, smaller pages are the more likely to be read.
        self.window = WINDOW;
        self.retry_at = Some(now + shared.options.poll_period);
        Turn::Wait(self.retry_at)
    }

    fn look(&mut self) -> Option<Answer> {
        if self.answered.is_none()
            && let Some(asked) = self.asked.as_mut()
        {
            self.answered = match asked.try_recv() {
                Ok(answer) => Some(answer),
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Closed) => Some(Err(Trouble::Later)),
            };
            self.asked = None;
        }
        self.answered.take()
    }

    /// The head is read before the page: what is scanned was there.
    fn ask(&mut self, shared: &Shared, view: &Arc<View>, after: Seq) {
        let pressed = is_pressed(shared);
        self.asked_after = after;
        if self.is_wide {
            self.asked = Some(ask_shared(shared, after, pressed));
            return;
        }
        self.asked_rows = if pressed { self.rows.min(ROWS_PRESSED) } else { self.rows };
        let rows = i64::try_from(self.asked_rows).unwrap_or(i64::MAX);
        let to = Seq(after.0.saturating_add(self.window)).min(shared.head());
        let (reply, asked) = oneshot::channel();
        self.asked = Some(asked);
        let stretch = Stretch { after, to, limit: rows };
        let wanted = Wanted { stretch, view: Arc::clone(view), reply };
        shared.pages.ask(wanted, shared.options.subscriptions_max);
    }

    /// Asks for the page after this one, unless the ring goes on from there.
    fn ask_ahead(&mut self, shared: &Shared, view: &Arc<View>, page: &Page) {
        let Some(end) = page.rows.back().map(|row| row.position.seq) else { return };
        if !is_pressed(shared) && !shared.read().ring.reaches(end) {
            self.ask(shared, view, end);
        }
    }

    /// Makes a page of what was found.
    fn take(&mut self, shared: &Shared, view: &View, found: Found) -> Result<Page, Trouble> {
        match found {
            Found::Own(page) => {
                self.learn(&page);
                Ok(page)
            }
            Found::Shared(block) => {
                // What is kept may be older than the log is now.
                let (after, oldest) = (self.asked_after, shared.read().oldest);
                if after.next() < oldest {
                    return Err(Trouble::Expired { oldest });
                }
                let rows_max = if is_pressed(shared) { ROWS_PRESSED } else { usize::MAX };
                let page = shared.pages.take(block, after, rows_max, view)?;
                self.defects = 0;
                self.is_wide = page.rows_taken * NARROW_BELOW >= page.rows_read;
                Ok(page)
            }
        }
    }

    /// Fits the next page to what this one was like.
    fn learn(&mut self, page: &Page) {
        self.defects = 0;
        let scanned = page.rows.back().map_or(0, |row| row.position.seq.0 - self.asked_after.0);
        self.is_wide =
            usize::try_from(scanned).is_ok_and(|scanned| page.rows_taken * WIDE_FROM >= scanned);
        let full = page.rows_read >= self.asked_rows;
        if full {
            self.window = (self.window / 2).max(WINDOW / 2);
        } else if page.rows_read * 4 < self.asked_rows {
            self.window = (self.window * 2).min(WINDOW_MAX);
        }
        if page.bytes > PAGE_BYTES {
            let fewer = page.rows_read.saturating_mul(PAGE_BYTES) / page.bytes;
            self.rows = fewer.clamp(ROWS_MIN, ROWS);
        } else if full && page.bytes <= PAGE_BYTES / 2 {
            self.rows = (self.rows * 2).min(ROWS);
        }
    }
}

/// Whether the memory for pages is used up.
fn is_pressed(shared: &Shared) -> bool {
    shared.pages.bytes_held() > shared.options.page_bytes_max
}
