//! What is printed, and what is written for programs.

use serde_json::{Value, json};

use crate::comparison::Comparison;
use crate::cost::Cost;
use crate::measure::{Figures, median, medians};

/// A bound that a figure ought to keep. Missing it does not fail the run: the machine may be busy.
#[derive(Clone, Debug)]
struct Goal {
    text: String,
    held: bool,
}

impl Goal {
    fn at_least(bound: f64, figure: f64) -> Goal {
        Goal { text: format!("rate >= {bound} x"), held: figure >= bound }
    }

    fn at_most(bound: f64, unit: &str, figure: f64) -> Goal {
        Goal { text: format!("p99 <= {bound} {unit}"), held: figure <= bound }
    }
}

/// What is asked of ours beside somebody else's; by default nothing.
#[derive(Clone, Copy, Default, Debug)]
pub struct Bounds {
    /// How many times their rate it ought to reach.
    pub rate_min: Option<f64>,
    /// How many times their p99 it may take.
    pub p99_max: Option<f64>,
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Line {
    name: String,
    against: &'static str,
    ours: Figures,
    floor: Option<Figures>,
    ratio: Option<f64>,
    p99_ratio: Option<f64>,
    goals: Vec<Goal>,
    rounds: Value,
}

impl Line {
    /// A comparison over several rounds.
    pub fn of(comparison: &Comparison, ours: &[Figures], floor: &[Figures]) -> Line {
        let &Comparison { rate_min, p99_max, .. } = comparison;
        let (name, against) = (comparison.name.clone(), comparison.floor.side.name());
        Line::beside(name, against, (ours, floor), Bounds { rate_min, p99_max })
    }

    /// Ours beside somebody else's. A ratio is the median of the rounds' ratios: what slows one
    /// round down slows both sides down.
    pub fn beside(
        name: String,
        against: &'static str,
        (ours, theirs): (&[Figures], &[Figures]),
        bounds: Bounds,
    ) -> Line {
        let ratio = median(pairs(ours, theirs, |figures| figures.rate));
        let p99_ratio = median(pairs(ours, theirs, |figures| figures.p99_ms));
        let rate = bounds.rate_min.map(|bound| Goal::at_least(bound, ratio));
        let p99 = bounds.p99_max.map(|bound| Goal::at_most(bound, "x", p99_ratio));
        Line {
            name,
            against,
            ours: medians(ours),
            floor: Some(medians(theirs)),
            ratio: Some(ratio),
            p99_ratio: Some(p99_ratio),
            goals: rate.into_iter().chain(p99).collect(),
            rounds: json!({ "ours": each(ours), "floor": each(theirs) }),
        }
    }

    /// Our figures where the floor did not run.
    pub fn alone(name: String, ours: &[Figures]) -> Line {
        Line {
            name,
            against: "",
            ours: medians(ours),
            floor: None,
            ratio: None,
            p99_ratio: None,
            goals: Vec::new(),
            rounds: json!({ "ours": each(ours) }),
        }
    }

    /// Rates alone.
    pub fn of_rates(
        name: &str,
        against: &'static str,
        rate_min: Option<f64>,
        (ours, floor): (&[f64], &[f64]),
    ) -> Line {
        let figures = |rates: &[f64]| -> Vec<Figures> {
            rates.iter().map(|&rate| Figures { rate, ..Figures::of_nothing() }).collect()
        };
        let (ours, floor) = (figures(ours), figures(floor));
        let mut line = Line::alone(name.to_owned(), &ours);
        if !floor.is_empty() {
            let ratio = median(pairs(&ours, &floor, |figures| figures.rate));
            line.against = against;
            line.floor = Some(medians(&floor));
            line.ratio = Some(ratio);
            line.goals = rate_min.map(|bound| Goal::at_least(bound, ratio)).into_iter().collect();
            line.rounds = json!({ "ours": each(&ours), "floor": each(&floor) });
        }
        line
    }

    /// Calls one by one, of which half may take so many times what half of the floor's take.
    pub fn of_halves(
        name: &str,
        against: &'static str,
        p50_max: f64,
        (ours, floor): (&[Figures], &[Figures]),
    ) -> Line {
        let mut line = Line::alone(name.to_owned(), ours);
        let p50_ratio = median(pairs(ours, floor, |figures| figures.p50_ms));
        line.against = against;
        line.floor = Some(medians(floor));
        line.ratio = Some(median(pairs(ours, floor, |figures| figures.rate)));
        line.p99_ratio = Some(median(pairs(ours, floor, |figures| figures.p99_ms)));
        let text = format!("p50 <= {p50_max} x");
        line.goals = vec![Goal { text, held: p50_ratio <= p50_max }];
        line.rounds = json!({ "ours": each(ours), "floor": each(floor) });
        line
    }

    /// Times alone.
    pub fn of_times(name: &str, rounds: &[Figures], p99_ms_max: Option<f64>) -> Line {
        let mut line = Line::alone(name.to_owned(), rounds);
        let p99 = p99_ms_max.map(|bound| Goal::at_most(bound, "ms", line.ours.p99_ms));
        line.goals = p99.into_iter().collect();
        line
    }

    fn verdict(&self) -> String {
        let goal =
            |goal: &Goal| format!("{} {}", goal.text, if goal.held { "ok" } else { "MISSED" });
        self.goals.iter().map(goal).collect::<Vec<_>>().join(", ")
    }

    fn json(&self) -> Value {
        let goal = |goal: &Goal| json!({ "goal": goal.text, "held": goal.held });
        json!({
            "name": self.name,
            "against": self.against,
            "ours": json_of(&self.ours),
            "floor": self.floor.as_ref().map(json_of),
            "ratio": self.ratio,
            "p99_ratio": self.p99_ratio,
            "goals": self.goals.iter().map(goal).collect::<Vec<_>>(),
            "rounds": self.rounds,
        })
    }
}

fn pairs<'a>(
    ours: &'a [Figures],
    floor: &'a [Figures],
    figure: impl Fn(&Figures) -> f64 + 'a,
) -> impl Iterator<Item = f64> + 'a {
    ours.iter().zip(floor).map(move |(ours, floor)| figure(ours) / figure(floor))
}

fn each(rounds: &[Figures]) -> Vec<Value> {
    rounds.iter().map(json_of).collect()
}

fn json_of(figures: &Figures) -> Value {
    let Figures { rate, p50_ms, p99_ms } = figures;
    json!({ "rate": rate, "p50_ms": p50_ms, "p99_ms": p99_ms })
}

/// Everything that was measured, as tables.
pub fn tables(lines: &[Line], costs: &[Cost]) -> String {
    let mut tables = String::new();
    if !lines.is_empty() {
        tables += &table(lines);
    }
    if !costs.is_empty() {
        tables.push('\n');
        tables += &cost_table(costs);
    }
    tables
}

fn table(lines: &[Line]) -> String {
    let header = [
        "",
        "against",
        "theirs/s",
        "ours/s",
        "ratio",
        "their p99",
        "our p99",
        "ratio",
        "our p50",
        "",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(lines.iter().map(|line| {
        vec![
            line.name.clone(),
            line.against.to_owned(),
            line.floor.map(|floor| number(floor.rate, 0)).unwrap_or_default(),
            number(line.ours.rate, 0),
            line.ratio.map(|ratio| number(ratio, 2)).unwrap_or_default(),
            line.floor.map(|floor| number(floor.p99_ms, 2)).unwrap_or_default(),
            number(line.ours.p99_ms, 2),
            line.p99_ratio.map(|ratio| number(ratio, 2)).unwrap_or_default(),
            number(line.ours.p50_ms, 2),
            line.verdict(),
        ]
    }));
    aligned(&rows)
}

/// A column a rival.
fn cost_table(costs: &[Cost]) -> String {
    let mut rivals: Vec<&str> = costs.iter().flat_map(Cost::rivals).collect();
    rivals.sort_unstable();
    rivals.dedup();
    let header = [&["", "", "ours"], rivals.as_slice(), &[""]].concat();
    let mut rows = vec![header.into_iter().map(str::to_owned).collect()];
    rows.extend(costs.iter().map(|cost| cost.row(&rivals)));
    aligned(&rows)
}

/// The first two columns and the last hold words, which stand to the left; numbers stand to the
/// right.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let mut widths = vec![0; columns];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    let mut table = String::new();
    for row in rows {
        let mut text = String::new();
        for (index, (width, cell)) in widths.iter().zip(row).enumerate() {
            text += &match index {
                0 | 1 => format!("{cell:<width$}  "),
                last if last + 1 == columns => format!("{cell:<width$}  "),
                _ => format!("{cell:>width$}  "),
            };
        }
        table += text.trim_end();
        table.push('\n');
    }
    table
}

fn number(figure: f64, decimals: usize) -> String {
    if figure.is_finite() { format!("{figure:.decimals$}") } else { String::new() }
}

/// Everything that was measured, for programs.
pub fn json(conditions: &Value, lines: &[Line], costs: &[Cost]) -> Value {
    let lines: Vec<Value> = lines.iter().map(Line::json).collect();
    let costs: Vec<Value> = costs.iter().map(Cost::json).collect();
    json!({ "conditions": conditions, "comparisons": lines, "costs": costs })
}
