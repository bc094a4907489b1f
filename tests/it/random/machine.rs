//! What becomes of the actions of one issue, written down once more: as the tables of states say
//! it, without a look at how the service does it.

use std::collections::BTreeSet;

/// Losses of a lease after which somebody must look.
const LOSSES_MAX: u32 = 5;

/// How an action ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Succeeded,
    Failed,
    Skipped,
    Cancelled,
}

/// Where an action stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Waits, for that.
    Pending(&'static str),
    Ready,
    Claimed,
    Running,
    Panicked,
    Ended(End),
}

/// Which end of an action lets another one go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Satisfy {
    SuccessOrSkip,
    Success,
    AnyEnd,
    Failure,
}

impl Satisfy {
    fn takes(self, end: End) -> bool {
        match self {
            Satisfy::SuccessOrSkip => matches!(end, End::Succeeded | End::Skipped),
            Satisfy::Success => end == End::Succeeded,
            Satisfy::AnyEnd => true,
            Satisfy::Failure => end == End::Failed,
        }
    }
}

/// Whether what is waited for has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hope {
    Open,
    Met,
    Unsatisfiable,
}

/// What an action waits for: the action of that place in the list.
#[derive(Clone, Debug)]
pub struct Gate {
    pub on: usize,
    pub satisfy: Satisfy,
    pub hope: Hope,
}

impl Gate {
    fn settle(&mut self, end: End) {
        if self.hope != Hope::Met {
            self.hope = if self.satisfy.takes(end) { Hope::Met } else { Hope::Unsatisfiable };
        }
    }
}

/// How the last claim ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Last {
    Succeeded { said: bool },
    Failed,
    Released,
    Otherwise,
}

/// An action.
#[derive(Clone, Debug)]
pub struct Action {
    pub state: State,
    pub gates: Vec<Gate>,
    pub attempt: i64,
    pub holder: Option<usize>,
    pub assignee: Option<usize>,
    /// How it ends if its holder does not end it soon.
    pub stop: Option<End>,
    /// The stretch of time before whose end it must not be begun.
    pub not_before: Option<u32>,
    /// Whether it pauses after a failure.
    pauses: bool,
    /// Whether its type gives it up after two failures; else somebody looks after five.
    frail: bool,
    failures: u32,
    losses: u32,
    last: Option<Last>,
}

/// What is asked; actions and people by their places in the lists.
#[derive(Clone, Debug)]
pub enum Verb {
    Add { frail: bool, gates: Vec<(usize, Satisfy)> },
    Claim { action: usize, by: usize },
    Start { action: usize, by: usize, fence: i64 },
    Complete { action: usize, by: usize, fence: i64, said: bool },
    Fail { action: usize, by: usize, fence: i64, fatal: bool },
    Release { action: usize, by: usize, fence: i64 },
    Skip { action: usize },
    Cancel { action: usize },
    Repeat { action: usize, cascade: bool },
    Assign { action: usize, to: Option<usize> },
    Delay { action: usize, later: bool },
    Activate,
    Deactivate,
    Close,
    Reopen,
}

/// Whether something changed, or the reason of the refusal.
pub type Verdict = Result<bool, &'static str>;

/// An issue and its actions.
#[derive(Clone, Debug)]
pub struct Machine {
    pub actions: Vec<Action>,
    active: bool,
    closed: bool,
    /// How often much time has gone by.
    now: u32,
}

impl Machine {
    pub fn new() -> Machine {
        Machine { actions: Vec::new(), active: true, closed: false, now: 0 }
    }

    /// Does what is asked, or says why not.
    pub fn decide(&mut self, verb: &Verb) -> Verdict {
        match *verb {
            Verb::Add { frail, ref gates } => self.add(frail, gates),
            Verb::Claim { action, by } => self.claim(action, by),
            Verb::Start { action, by, fence } => self.start(action, by, fence),
            Verb::Complete { action, by, fence, said } => self.complete(action, by, fence, said),
            Verb::Fail { action, by, fence, fatal } => self.fail(action, by, fence, fatal),
            Verb::Release { action, by, fence } => self.release(action, by, fence),
            Verb::Skip { action } => self.end_early(action, End::Skipped),
            Verb::Cancel { action } => self.end_early(action, End::Cancelled),
            Verb::Repeat { action, cascade } => self.repeat(action, cascade),
            Verb::Assign { action, to } => {
                self.edit(action, |action| action.assignee != to, |action| action.assignee = to)
            }
            Verb::Delay { action, later } => {
                let at = later.then_some(self.now);
                self.edit(action, |action| action.not_before != at, |action| action.not_before = at)
            }
            Verb::Activate => self.turn(true),
            Verb::Deactivate => self.turn(false),
            Verb::Close => self.close(),
            Verb::Reopen => Ok(std::mem::take(&mut self.closed)),
        }
    }

    fn add(&mut self, frail: bool, gates: &[(usize, Satisfy)]) -> Verdict {
        if self.closed {
            return Err("ISSUE_CLOSED");
        }
        let gate = |&(on, satisfy): &(usize, Satisfy)| {
            let mut gate = Gate { on, satisfy, hope: Hope::Open };
            if let State::Ended(end) = self.actions[on].state {
                gate.settle(end);
            }
            gate
        };
        self.actions.push(Action {
            state: State::Pending(""),
            gates: gates.iter().map(gate).collect(),
            attempt: 0,
            holder: None,
            assignee: None,
            stop: None,
            not_before: None,
            pauses: false,
            frail,
            failures: 0,
            losses: 0,
            last: None,
        });
        self.admit(self.actions.len() - 1);
        Ok(true)
    }

    /// Puts an action that nobody holds where it belongs.
    fn admit(&mut self, place: usize) {
        let works = self.active && !self.closed;
        let action = &mut self.actions[place];
        let any = |hope: Hope| action.gates.iter().any(|gate| gate.hope == hope);
        action.state = if !works {
            State::Pending("ISSUE_INACTIVE")
        } else if any(Hope::Unsatisfiable) {
            State::Pending("UNSATISFIABLE")
        } else if any(Hope::Open) {
            State::Pending("DEPENDENCIES")
        } else if action.not_before == Some(self.now) || action.pauses {
            State::Pending("TIME")
        } else {
            State::Ready
        };
    }

    fn admit_all(&mut self) {
        for place in 0..self.actions.len() {
            if matches!(self.actions[place].state, State::Pending(_) | State::Ready) {
                self.admit(place);
            }
        }
    }

    fn claim(&mut self, place: usize, by: usize) -> Verdict {
        let action = &mut self.actions[place];
        if action.holder == Some(by) {
            return Ok(false);
        }
        if action.assignee.is_some_and(|assignee| assignee != by) {
            return Err("NOT_PERFORMER");
        }
        match action.state {
            State::Ready => {
                action.state = State::Claimed;
                action.holder = Some(by);
                action.attempt += 1;
                action.pauses = false;
                Ok(true)
            }
            State::Claimed | State::Running => Err("CLAIM_LOST"),
            State::Pending(_) | State::Panicked | State::Ended(_) => Err("ACTION_STATE"),
        }
    }

    /// Whether the fence is that of the claim that goes on, else how the last one ended.
    fn held(&self, place: usize, by: usize, fence: i64) -> Result<Option<Last>, &'static str> {
        let action = &self.actions[place];
        match action.holder {
            Some(holder) if action.attempt == fence && holder != by => Err("NOT_PERFORMER"),
            Some(_) if action.attempt == fence => Ok(None),
            None if action.attempt == fence => Ok(action.last),
            Some(_) | None => Err("FENCE_STALE"),
        }
    }

    fn start(&mut self, place: usize, by: usize, fence: i64) -> Verdict {
        if self.held(place, by, fence)?.is_some() {
            return Err("FENCE_STALE");
        }
        let state = &mut self.actions[place].state;
        let begins = *state == State::Claimed;
        *state = State::Running;
        Ok(begins)
    }

    fn complete(&mut self, place: usize, by: usize, fence: i64, said: bool) -> Verdict {
        match self.held(place, by, fence)? {
            None => {
                self.let_go(place, Last::Succeeded { said });
                self.end(place, End::Succeeded);
                Ok(true)
            }
            Some(last) if last == Last::Succeeded { said } => Ok(false),
            Some(_) => Err("FENCE_STALE"),
        }
    }

    fn fail(&mut self, place: usize, by: usize, fence: i64, fatal: bool) -> Verdict {
        match self.held(place, by, fence)? {
            None => (),
            Some(Last::Failed) => return Ok(false),
            Some(_) => return Err("FENCE_STALE"),
        }
        let stop = self.let_go(place, Last::Failed);
        let action = &mut self.actions[place];
        action.failures += 1;
        let exhausted = fatal || action.failures >= if action.frail { 2 } else { 5 };
        match stop {
            Some(end) => self.end(place, end),
            None if exhausted && action.frail => self.end(place, End::Failed),
            None if exhausted => action.state = State::Panicked,
            None => {
                action.pauses = true;
                self.admit(place);
            }
        }
        Ok(true)
    }

    fn release(&mut self, place: usize, by: usize, fence: i64) -> Verdict {
        match self.held(place, by, fence)? {
            None => (),
            Some(Last::Released) => return Ok(false),
            Some(_) => return Err("FENCE_STALE"),
        }
        match self.let_go(place, Last::Released) {
            Some(end) => self.end(place, end),
            None => self.admit(place),
        }
        Ok(true)
    }

    /// Ends the claim; answers how others wanted the action to end.
    fn let_go(&mut self, place: usize, last: Last) -> Option<End> {
        let action = &mut self.actions[place];
        action.holder = None;
        action.last = Some(last);
        action.stop.take()
    }

    fn end(&mut self, place: usize, end: End) {
        self.actions[place].state = State::Ended(end);
        self.actions[place].pauses = false;
        for other in 0..self.actions.len() {
            if matches!(self.actions[other].state, State::Pending(_)) {
                let gates = self.actions[other].gates.iter_mut();
                gates.filter(|gate| gate.on == place).for_each(|gate| gate.settle(end));
                self.admit(other);
            }
        }
    }

    fn end_early(&mut self, place: usize, end: End) -> Verdict {
        let action = &mut self.actions[place];
        match action.state {
            State::Ended(ended) if ended == end => Ok(false),
            State::Ended(_) => Err("ACTION_STATE"),
            State::Claimed | State::Running => Ok(action.stop.replace(end) != Some(end)),
            State::Pending(_) | State::Ready | State::Panicked => {
                self.end(place, end);
                Ok(true)
            }
        }
    }

    fn repeat(&mut self, place: usize, cascade: bool) -> Verdict {
        if self.closed {
            return Err("ISSUE_CLOSED");
        }
        let ended = |action: &Action| matches!(action.state, State::Ended(_));
        if !ended(&self.actions[place]) {
            return Err("ACTION_STATE");
        }
        let mut repeated = BTreeSet::from([place]);
        for (behind, action) in self.actions.iter().enumerate().filter(|_| cascade) {
            if ended(action) && action.gates.iter().any(|gate| repeated.contains(&gate.on)) {
                repeated.insert(behind);
            }
        }
        let states: Vec<State> = self.actions.iter().map(|action| action.state).collect();
        for (place, action) in self.actions.iter_mut().enumerate() {
            let (again, ended) = (repeated.contains(&place), ended(action));
            for gate in &mut action.gates {
                match (repeated.contains(&gate.on), states[gate.on]) {
                    (true, _) if again => gate.hope = Hope::Open,
                    (false, State::Ended(end)) if again => gate.settle(end),
                    (false, _) if !again => (),
                    _ if gate.hope == Hope::Unsatisfiable && (again || !ended) => {
                        gate.hope = Hope::Open;
                    }
                    _ => (),
                }
            }
            if again {
                (action.failures, action.losses, action.pauses) = (0, 0, false);
                action.state = State::Pending("");
                // What it said the last time is not its result any more.
                if let Some(Last::Succeeded { said }) = &mut action.last {
                    *said = false;
                }
            }
        }
        self.admit_all();
        Ok(true)
    }

    fn edit(
        &mut self,
        place: usize,
        changes: impl Fn(&Action) -> bool,
        change: impl Fn(&mut Action),
    ) -> Verdict {
        let action = &mut self.actions[place];
        if !changes(action) {
            return Ok(false);
        }
        if self.closed {
            return Err("ISSUE_CLOSED");
        }
        if matches!(action.state, State::Ended(_)) {
            return Err("ACTION_STATE");
        }
        change(action);
        self.admit_all();
        Ok(true)
    }

    fn turn(&mut self, active: bool) -> Verdict {
        if self.active == active {
            return Ok(false);
        }
        if self.closed {
            return Err("ISSUE_CLOSED");
        }
        self.active = active;
        self.admit_all();
        Ok(true)
    }

    fn close(&mut self) -> Verdict {
        if self.closed {
            return Ok(false);
        }
        self.closed = true;
        for action in &mut self.actions {
            match action.state {
                State::Claimed | State::Running => action.stop = Some(End::Cancelled),
                State::Pending(_) | State::Ready | State::Panicked => {
                    action.state = State::Ended(End::Cancelled);
                    action.pauses = false;
                }
                State::Ended(_) => (),
            }
        }
        Ok(true)
    }

    /// Much time goes by: pauses are over, and so are leases of machines and of what was to end.
    pub fn pass_time(&mut self, is_machine: impl Fn(usize) -> bool) {
        self.now += 1;
        self.actions.iter_mut().for_each(|action| action.pauses = false);
        for place in 0..self.actions.len() {
            let action = &self.actions[place];
            let lost = action.holder.is_some_and(&is_machine);
            if !(lost || action.stop.is_some()) {
                continue;
            }
            match self.let_go(place, Last::Otherwise) {
                Some(end) => self.end(place, end),
                None => {
                    self.actions[place].losses += 1;
                    match self.actions[place].losses >= LOSSES_MAX {
                        true => self.actions[place].state = State::Panicked,
                        false => self.admit(place),
                    }
                }
            }
        }
        self.admit_all();
    }
}
