//! What something takes of the server that does it.

use serde_json::{Value, json};

use crate::measure::median;

/// One figure of each side, over several rounds.
#[derive(Clone, Debug)]
pub struct Cost {
    /// What was measured.
    pub name: String,
    /// In what.
    pub unit: &'static str,
    /// Ours, round by round.
    pub ours: Vec<f64>,
    /// The rivals', as far as they were measured.
    pub theirs: Vec<(&'static str, Vec<f64>)>,
    /// How much ours ought to be at most.
    pub max: Option<f64>,
}

impl Cost {
    /// The line of a table: of the rivals, those that its head names.
    pub fn row(&self, rivals: &[&str]) -> Vec<String> {
        let number = |figures: &[f64]| format!("{:.2}", median(figures.iter().copied()));
        let mut row = vec![self.name.clone(), self.unit.to_owned(), number(&self.ours)];
        for rival in rivals {
            let theirs = self.theirs.iter().find(|(name, _)| name == rival);
            let theirs = theirs.map(|(_, theirs)| theirs).filter(|theirs| !theirs.is_empty());
            row.push(theirs.map(|theirs| number(theirs)).unwrap_or_default());
        }
        row.push(match (self.max, self.held()) {
            (Some(max), true) => format!("<= {max} ok"),
            (Some(max), false) => format!("<= {max} MISSED"),
            (None, _) => String::new(),
        });
        row
    }

    /// The rivals that were measured.
    pub fn rivals(&self) -> impl Iterator<Item = &'static str> {
        self.theirs.iter().filter(|(_, theirs)| !theirs.is_empty()).map(|(name, _)| *name)
    }

    fn held(&self) -> bool {
        self.max.is_none_or(|max| median(self.ours.iter().copied()) <= max)
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let theirs = self.theirs.iter().filter(|(_, theirs)| !theirs.is_empty());
        let theirs: Vec<Value> = theirs
            .map(|(name, theirs)| {
                let median = median(theirs.iter().copied());
                json!({ "name": name, "median": median, "rounds": theirs })
            })
            .collect();
        json!({
            "name": self.name,
            "unit": self.unit,
            "ours": median(self.ours.iter().copied()),
            "rounds": self.ours,
            "theirs": theirs,
            "goal": self.max.map(|max| format!("<= {max}")),
            "held": self.max.map(|_| self.held()),
        })
    }
}
